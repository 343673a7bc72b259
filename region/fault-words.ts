import type { Fault, FaultKind } from './faults.ts';
import { zones } from './service.ts';
import type { World } from './world.ts';

interface Kind {
  /** What its subject is called, and how it is found; undefined when there is none of that name. */
  subject: string;
  find(word: string, world: World): string | undefined;
  /** What the number after the subject is. */
  amount?: string;
  /** How often it strikes when nobody says; once by default. */
  usual?: 'always';
}

const detailTypes: Record<string, string> = {
  launch: 'EC2 Instance-launch Lifecycle Action',
  terminate: 'EC2 Instance-terminate Lifecycle Action',
  parameter: 'Parameter Store Change',
  command: 'EC2 Command Invocation Status-change Notification',
  schedule: 'Scheduled Event',
};

const event = {
  subject: `an event: ${Object.keys(detailTypes).join(', ')}, or a detail-type in quotes`,
  // Whoever puts events of their own has detail-types that nobody here knows; all of AWS's have a space.
  find: (word: string) => detailTypes[word] ?? (word.includes(' ') ? word : undefined),
};
const agent: Kind = {
  subject: 'an instance, or new for those to come',
  find: (word, { instances }) => (word === 'new' || instances.get(word) ? word : undefined),
  usual: 'always',
};
const path = {
  subject: 'a path that begins with /',
  find: (word: string) => (word.startsWith('/') ? word : undefined),
};

const kinds: Record<FaultKind, Kind> = {
  throttle: { subject: 'an operation, such as SendCommand, or admit:SendCommand', find: findThrottled },
  lose: event,
  double: event,
  delay: { ...event, amount: 'SECONDS' },
  'stop-agent': agent,
  'slow-agent': { ...agent, amount: 'SECONDS' },
  crash: { subject: 'a function, such as admit', find: findFunction, amount: 'CALL' },
  'stale-reads': path,
  'short-pages': path,
  'fail-zone': {
    subject: `a zone: ${zones.join(', ')}`,
    find: (word) => zones.find((zone) => zone === word),
    usual: 'always',
  },
};

/** What `fault` and its words ask of a running region; answers a text. Throws what is wrong with them. */
export function runFaultWords(world: World, [verb = 'list', ...words]: string[]): string {
  const { faults } = world;
  if (verb === 'list') return listFaults(world);
  if (verb === 'clear') {
    const id =
      words[0] === undefined ? undefined : numberOf(words[0], 'the number of a fault, as list shows it');
    if (!faults.clear(id)) throw new Error(`there is no fault ${id}; fault list shows those there are`);
    return id === undefined ? 'no fault is left' : `fault ${id} is cleared`;
  }
  const id = faults.add(readFault(world, verb, words));
  return `fault ${id}: ${describeFault(faults.list().find((fault) => fault.id === id)!)}`;
}

function readFault(world: World, verb: string, words: string[]): Fault {
  const kind = verb as FaultKind;
  const rules = Object.hasOwn(kinds, verb) ? kinds[kind] : undefined;
  if (!rules) throw new Error(`${verb} is no fault: fault help lists them`);
  const [subjectWord = '', ...rest] = words;
  const subject = rules.find(subjectWord, world);
  if (subject === undefined) throw new Error(`${verb} needs ${rules.subject}${given(subjectWord)}`);
  const amountWord = rules.amount ? (rest.shift() ?? '') : undefined;
  const amount = amountWord === undefined ? {} : { amount: numberOf(amountWord, rules.amount!) };
  const [often = rules.usual ?? '1', ...surplus] = rest;
  if (surplus.length > 0) throw new Error(`what is ${surplus.join(' ')}?`);
  return { kind, subject, ...amount, ...readOften(often) };
}

function readOften(word: string): Pick<Fault, 'times' | 'rate'> {
  if (word === 'always') return {};
  const wanted = 'how often as a number, a percentage such as 20%, or always';
  if (!word.endsWith('%')) return { times: numberOf(word, wanted) };
  const percent = numberOf(word.slice(0, -1), wanted);
  if (percent > 100) throw new Error(`expected ${wanted}${given(word)}`);
  return { rate: percent / 100 };
}

function numberOf(word: string, wanted: string): number {
  if (/^[1-9]\d{0,5}$/.test(word)) return Number(word);
  throw new Error(
    `expected ${wanted === wanted.toUpperCase() ? `${wanted}, a whole number` : wanted}${given(word)}`,
  );
}

const given = (word: string): string => (word === '' ? '' : `, not ${word}`);

/** An operation, or a function's calls of it. */
function findThrottled(word: string, world: World): string | undefined {
  const [name = '', caller] = word.split(':').reverse();
  const operation = findOperation(name, world);
  if (operation === undefined || caller === undefined) return operation;
  const functionName = findFunction(caller, world);
  return functionName && `${functionName}:${operation}`;
}

/** As the SDK or as the AWS CLI spells it. */
function findOperation(word: string, { wire }: World): string | undefined {
  const plain = (name: string) => name.replaceAll('-', '').toLowerCase();
  const all = [...wire.services.values()].flatMap(({ operations }) => Object.keys(operations));
  return all.find((name) => plain(name) === plain(word));
}

function findFunction(word: string, { wire }: World): string | undefined {
  const caller = { identity: '', accessKeyId: '', requestId: '' };
  const answer = wire.services.get('lambda')?.operations.ListFunctions?.({}, caller);
  const { Functions = [] } = (answer ?? {}) as { Functions?: { FunctionName: string }[] };
  return Functions.map((one) => one.FunctionName).find((name) => name === word || name.endsWith(`-${word}`));
}

function listFaults({ faults }: World): string {
  const lines = faults.list().map((fault) => {
    const struck = /-(agent|zone)$/.test(fault.kind) ? '' : `, so far ${fault.struck}`;
    return `${String(fault.id).padStart(3)}  ${describeFault(fault)}${struck}`;
  });
  return lines.length > 0 ? lines.join('\n') : 'no fault is in force';
}

function describeFault({ kind, subject, amount, times, rate }: Fault): string {
  const number = amount === undefined ? '' : ` ${amount}${kind === 'crash' ? '' : ' s'}`;
  const often = rate === undefined ? (times === undefined ? 'always' : `${times} times`) : `${rate * 100}%`;
  return `${kind} ${subject}${number}, ${times === 1 ? 'once' : often}`;
}
