import { runningRegion } from '../state.ts';

/** Asks the running region for what AWS has no call for, and prints its answer. Rejects with its refusal. */
export async function control(port: number, command: string, words: string[]): Promise<number> {
  const response = await fetch(`${runningRegion(port).endpoint}/_region/${command}`, {
    method: 'POST',
    headers: { 'x-region-control': 'yes' },
    body: JSON.stringify(words),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  process.stdout.write(`${text}\n`);
  return 0;
}
