export function codeTime(root: string): number;
export function inputsHash(root: string): string;
export function isPackageStale(root: string): boolean;
export function stampPath(root: string): string;
export function readIfThere(path: string): string;
