import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { runFaultWords } from '../region/fault-words.ts';
import { readPolicy } from '../region/policy.ts';
import { runShoal, type ShoalRegion, shoalRegion } from './shoal-bed.ts';

/** Both ways in which an event is given up, made to happen; the command as a process, over HTTP. */
let region: ShoalRegion;
beforeAll(async () => {
  region = await shoalRegion();
  region.addFleet('demo');
  await region.well('demo');
}, 60_000);
afterAll(() => region.close());

const queueArn = 'arn:aws:sqs:ap-northeast-1:000000000000:shoal-dead-letters';
const letters = () => region.applications.queues.messages(queueArn);
const deadLetters = (...words: string[]) => region.shoal('dead-letters', ...words);
const ids = async () => {
  const { stdout } = await deadLetters('--json');
  return (JSON.parse(stdout).letters as { id: string }[]).map(({ id }) => id);
};

test('an empty queue is well', async () => {
  const { code, stdout, stderr } = await deadLetters();
  expect(stdout).toBe('0 dead letters in shoal-dead-letters\n');
  expect([code, stderr]).toEqual([0, '']);
});

test('events of both paths are listed, and are still there', { timeout: 60_000 }, async () => {
  // The sweep's rule tries once, and the account has no execution left.
  runFaultWords(region.world, ['throttle', 'Invoke']);
  await vi.waitFor(() => expect(letters()).toHaveLength(1), { timeout: 20_000 });
  // Nobody else is to bring the launch along that admit dies at three times.
  region.serve(region.applications.events.service, 'DisableRule', { Name: 'shoal-sweep' });
  runFaultWords(region.world, ['crash', 'admit', '1', '3']);
  const grown = { AutoScalingGroupName: 'shoal-demo', DesiredCapacity: 3 };
  region.serve(region.world.autoscaling.service, 'SetDesiredCapacity', grown);
  await vi.waitFor(() => expect(letters()).toHaveLength(2), { timeout: 20_000 });

  const { code, stdout, stderr } = await deadLetters('list');
  expect(stdout).toMatch(/^2 dead letters in shoal-dead-letters\n/);
  expect(stdout).toMatch(/^[0-9a-f]{8} {2}\S+ \S+ UTC reconcile: the sweep\n {10}rule shoal-sweep/m);
  expect(stdout).toContain('could not deliver it: THROTTLING: ');
  expect(stdout).toMatch(/^[0-9a-f]{8} {2}\S+ \S+ UTC admit: launch of i-[0-9a-f]{17} in/m);
  expect(stdout).toMatch(/^ {10}RetriesExhausted after 3 attempts: Runtime\.ExitError: Runtime exited/m);
  expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  expect([code, stderr]).toEqual([1, '']);
  expect(await ids()).toHaveLength(2);
});

test('redrive has the function do what it had failed at', { timeout: 60_000 }, async () => {
  const states = () => region.world.autoscaling.group('shoal-demo')?.members.map(({ state }) => state);
  expect(states()).toContain('Pending:Wait');
  const { code, stdout } = await deadLetters('redrive');
  expect(stdout).toMatch(/^[0-9a-f]{8} {2}given to shoal-admit again: launch of i-/m);
  expect(code).toBe(0);
  expect(letters()).toEqual([]);
  await vi.waitFor(() => expect(states()).toEqual(['InService', 'InService', 'InService']), {
    timeout: 20_000,
  });
  region.serve(region.applications.events.service, 'EnableRule', { Name: 'shoal-sweep' });
});

test('redrive tells the topic what it has missed', async () => {
  const topic = 'arn:aws:sns:ap-northeast-1:000000000000:shoal-notifications';
  const { topics } = region.applications;
  const policy = (statements: object[]) => readPolicy({ Statement: statements }, 'resource');
  topics.setPolicy(topic, []);
  region.world.publish({
    source: 'shoal',
    'detail-type': 'Shoal Launch Held',
    detail: { fleet: 'demo', text: 'demo: launch of i-1 is held', next: 'npm run shoal -- status demo' },
  });
  const listed = await deadLetters();
  expect(listed.stdout).toContain('topic: demo: launch of i-1 is held\n');
  const Principal = { Service: 'events.amazonaws.com' };
  topics.setPolicy(topic, policy([{ Effect: 'Allow', Principal, Action: 'sns:Publish', Resource: topic }]));
  const before = topics.messages(topic).length;
  const { code, stdout } = await deadLetters('redrive');
  expect(stdout).toMatch(/^[0-9a-f]{8} {2}told again: demo: launch of i-1 is held$/m);
  expect([code, letters()]).toEqual([0, []]);
  expect(topics.messages(topic).slice(before)).toMatchObject([
    { message: '"demo: launch of i-1 is held. Next: npm run shoal -- status demo"' },
  ]);
});

test('a message that is no dead letter is shown, left, and dropped by its id', async () => {
  region.applications.queues.send(queueArn, 'hello');
  region.applications.queues.send(
    queueArn,
    '{"requestContext":{"functionArn":"arn:aws:lambda:::function:other"}}',
  );
  const [id = '', other = ''] = await ids();
  const redriven = await deadLetters('redrive');
  expect(redriven.stdout).toContain(`${id.slice(0, 8)}  left, no dead letter of this operator\n`);
  expect(redriven.code).toBe(1);
  expect(letters()).toHaveLength(2);

  const unasked = await deadLetters('drop', id);
  expect(unasked.stderr).toContain('--yes goes on without');
  expect([unasked.code, letters().length]).toEqual([2, 2]);
  const dropped = await deadLetters('drop', id.slice(0, 8), '--yes', '--json');
  expect(JSON.parse(dropped.stdout)).toEqual({ dropped: [id], left: [] });
  expect(dropped.code).toBe(0);
  expect(await ids()).toEqual([other]);
  expect((await deadLetters('drop', '--all', '--yes')).code).toBe(0);
  expect(letters()).toEqual([]);
});

test.each([
  ['another verb', ['burn'], 'dead-letters list, redrive or drop, not burn'],
  ['an id that is not there', ['redrive', 'abc'], 'there is no dead letter abc: list names those'],
  ['drop of nothing in particular', ['drop', '--yes'], 'which ones? drop ID..., or drop --all'],
  ['another stage', ['list', '--stage', 'dev'], 'there is no queue shoal-dev-dead-letters in'],
])('%s could not be told: exit 2', async (_, words, message) => {
  const { code, stdout, stderr } = await deadLetters(...words);
  expect(stderr).toContain(message);
  expect([code, stdout]).toEqual([2, '']);
});

test('no region says what to do', async () => {
  const { stderr } = await runShoal(['dead-letters', '--local', '--port', '1']);
  expect(stderr).toContain('no region runs on port 1');
});
