import { createInterface } from 'node:readline/promises';

/** Options as they were typed. */
export interface Choice {
  json?: boolean;
  set?: string[];
  force?: boolean;
  to?: string;
  all?: boolean;
  yes?: boolean;
}

/** Standard output is JSON's alone when there is any. */
export function screen({ json }: Choice): NodeJS.WriteStream {
  return json ? process.stderr : process.stdout;
}

export function refuseWithoutAsking({ yes }: Choice): void {
  if (!yes && !process.stdin.isTTY) throw new Error('there is no terminal to ask on: --yes goes on without');
}

export async function agreed(choice: Choice, question: string): Promise<boolean> {
  if (choice.yes) return true;
  const lines = createInterface({ input: process.stdin, output: screen(choice) });
  const said = await lines.question(`${question} [y/N] `);
  lines.close();
  return /^y(es)?$/i.test(said.trim());
}
