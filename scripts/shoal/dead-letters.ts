import { count, wrap } from '../../shared/control/columns.ts';
import { plainJson } from '../../shared/fleet/plain.ts';
import { aboutOf, type Letter, shortId, textOf } from './letter.ts';
import { type LetterQueue, lettersMax } from './letter-queue.ts';
import { agreed, type Choice, refuseWithoutAsking, screen } from './terminal.ts';

type Verb = (queue: LetterQueue, letters: Letter[], choice: Choice) => Promise<number>;

/**
 * `list`, `redrive [ID]...`, `drop ID...|--all`. Resolves to the exit status: 0 when nothing is left to do, 1 when
 * something is. Whatever happens, what stays in the queue is shown to others again.
 */
export async function deadLetters(queue: LetterQueue, words: string[], choice: Choice): Promise<number> {
  const [name = 'list', ...ids] = words;
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (!verb) throw new Error(`dead-letters list, redrive or drop, not ${name}`);
  if (name === 'list' && ids.length > 0) throw new Error('list names all of them: no ID is needed');
  if (name === 'drop') {
    if ((ids.length === 0) === !choice.all) throw new Error('which ones? drop ID..., or drop --all');
    refuseWithoutAsking(choice);
  } else if (choice.all) throw new Error('--all is for drop alone');
  try {
    const letters = await queue.read();
    return await verb(queue, ids.length === 0 ? letters : chosen(letters, ids), choice);
  } finally {
    await queue.release();
  }
}

const verbs: Record<string, Verb> = {
  async list(queue, letters, choice) {
    const most = letters.length >= lettersMax ? 'at least ' : '';
    const people = screen(choice);
    people.write(`${most}${count(letters.length, 'dead letter')} in ${queue.name}\n`);
    for (const letter of letters) people.write(`\n${textOf(letter)}`);
    if (letters.length > 0)
      people.write('\nredrive hands them to their functions or the topic again, drop deletes them.\n');
    answer({ letters }, choice);
    return letters.length === 0 ? 0 : 1;
  },

  async redrive(queue, letters, choice) {
    const done = await each(letters, choice, async (letter) => {
      if (letter.function === null && letter.notice === null) throw new Error(letter.error);
      await queue.replay(letter);
      // Only now, so that what comes between costs a second look at the event, and never the event.
      await queue.remove(letter);
      return letter.function === null ? 'told again' : `given to ${letter.function} again`;
    });
    if (done.length > 0) screen(choice).write('\nOne that fails again is back here in some minutes.\n');
    answer({ redriven: done, left: without(letters, done) }, choice);
    return done.length === letters.length ? 0 : 1;
  },

  async drop(queue, letters, choice) {
    for (const letter of letters) screen(choice).write(`${textOf(letter)}\n`);
    const agrees =
      letters.length === 0 || (await agreed(choice, `Delete ${count(letters.length, 'message')}?`));
    if (!agrees) return 1;
    const done = await each(letters, choice, async (letter) => {
      await queue.remove(letter);
      return 'deleted';
    });
    answer({ dropped: done, left: without(letters, done) }, choice);
    return done.length === letters.length ? 0 : 1;
  },
};

/** One that can't be dealt with keeps none of the others. Resolves to the ids of those that were. */
async function each(
  letters: Letter[],
  choice: Choice,
  deal: (letter: Letter) => Promise<string>,
): Promise<string[]> {
  const done: string[] = [];
  const say = (letter: Letter, what: string) => {
    const about = letter.function === null && letter.notice === null ? '' : `: ${aboutOf(letter)}`;
    screen(choice).write(`${wrap(`${what}${about}`, `${shortId(letter.id)}  `).join('\n')}\n`);
  };
  if (letters.length === 0) screen(choice).write('there are no dead letters\n');
  for (const letter of letters) {
    try {
      say(letter, await deal(letter));
      done.push(letter.id);
    } catch (error) {
      say(letter, `left, ${(error as Error).message}`);
    }
  }
  return done;
}

function chosen(letters: Letter[], ids: string[]): Letter[] {
  return ids.map((id) => {
    const found = letters.filter((letter) => letter.id.startsWith(id));
    const [only] = found;
    if (only === undefined) throw new Error(`there is no dead letter ${id}: list names those that are there`);
    if (found.length > 1) throw new Error(`${found.length} dead letters begin with ${id}: give more of it`);
    return only;
  });
}

const without = (letters: Letter[], done: string[]): string[] =>
  letters.map(({ id }) => id).filter((id) => !done.includes(id));

function answer(result: object, { json }: Choice): void {
  if (json) process.stdout.write(`${plainJson(result, 2)}\n`);
}
