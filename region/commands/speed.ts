import type { CommandInput } from './command.ts';
import { control } from './control.ts';

/** Makes a running region as slow as AWS, or fast again. */
export const speed = ({ port, words }: CommandInput): Promise<number> => control(port, 'speed', words);
