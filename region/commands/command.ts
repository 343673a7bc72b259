/** What a command of the region's command line is given. */
export interface CommandInput {
  port: number;
  options: Record<string, string | boolean | undefined>;
  /** What isn't an option. */
  words: string[];
  /** All that stands behind `--`. */
  command: string[];
}
