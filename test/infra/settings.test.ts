import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';

type Settings = Record<string, string | number>;
const settingsOf: (given: { options: { param?: string[]; stage?: string } }) => Promise<Settings> =
  createRequire(import.meta.url)('../../infra/settings.cjs');

const given = (...param: string[]) => settingsOf({ options: { param } });

test('what is not given has its default', async () => {
  expect(await settingsOf({ options: {} })).toEqual({
    alarms: 'on',
    'kms-key-arn': '',
    'log-level': 'INFO',
    'log-retention-days': 90,
    'notification-email': '',
    'permissions-boundary-arn': '',
    'runbook-base-url': '',
  });
});

test('docs/deploy.md has every setting with its default', async () => {
  const page = readFileSync(new URL('../../docs/deploy.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([\w-]+)` \| (?:`([^`]+)`|(\d+)|none) \|/gm)];
  expect(
    Object.fromEntries(rows.map(([, name, word, number]) => [name, word ?? Number(number ?? Number.NaN)])),
  ).toEqual(
    Object.fromEntries(
      Object.entries(await settingsOf({ options: {} })).map(([name, value]) => [name, value || Number.NaN]),
    ),
  );
});

test('what is given is taken, to the last equals sign', async () => {
  const key = 'arn:aws-cn:kms:cn-north-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab';
  const taken = await given(
    ...['alarms=off', `kms-key-arn=${key}`, 'log-level=WARN', 'log-retention-days=1827'],
    ...['notification-email=night@example.com', 'runbook-base-url=https://wiki.example.com/?page=shoal'],
    'permissions-boundary-arn=arn:aws:iam::123456789012:policy/teams/Bound=ary',
  );
  expect(taken).toEqual({
    alarms: 'off',
    'kms-key-arn': key,
    'log-level': 'WARN',
    'log-retention-days': 1827,
    'notification-email': 'night@example.com',
    'permissions-boundary-arn': 'arn:aws:iam::123456789012:policy/teams/Bound=ary',
    'runbook-base-url': 'https://wiki.example.com/?page=shoal',
  });
});

test.each([
  [
    'log-retention-days=91',
    'param log-retention-days: 91 is no retention that CloudWatch Logs has; expected one of 1, 3, 5',
  ],
  ['log-level=info', 'param log-level: info is no log level; expected one of DEBUG, INFO, WARN, ERROR'],
  ['alarms=yes', 'param alarms: yes is neither on nor off; expected one of on, off'],
  ['notification-email=night', 'param notification-email: night is no e-mail address; expected one like'],
  ['notification-email=a@b.c,d@e.f', 'is no e-mail address'],
  ['kms-key-arn=alias/shoal', 'param kms-key-arn: alias/shoal is no ARN of a key; expected arn:aws:kms:'],
  ['permissions-boundary-arn=Boundary', 'Boundary is no ARN of a managed policy; expected arn:aws:iam::'],
  [
    'runbook-base-url=http://x',
    'param runbook-base-url: http://x is no address of a page; expected https://',
  ],
  ['log-level=', 'param log-level: nothing is no log level'],
  ['log-level', 'param log-level: nothing is no log level'],
  ['loglevel=INFO', 'param loglevel: there is no such setting; did you mean log-level?'],
  ['retention-days=1', 'did you mean log-retention-days?'],
  ['colour=red', 'param colour: there is no such setting; there are alarms, kms-key-arn,'],
  ['constructor=x', 'param constructor: there is no such setting'],
])('%s is refused with what was expected', async (param, message) => {
  await expect(given(param)).rejects.toThrow(message);
});

test('all mistakes are said at once, with no trace of the program', async () => {
  const refused = await given('alarms=maybe', 'log-level=LOUD', 'colour=red').catch((error: Error) => error);
  expect((refused as Error).stack?.split('\n')).toEqual([
    expect.stringContaining('param alarms'),
    expect.stringContaining('param log-level'),
    expect.stringContaining('param colour'),
  ]);
});

test.each(['state', 'Test', 'a-b', 'muchtoolong', ''])('the stage %j is refused', async (stage) => {
  await expect(settingsOf({ options: { stage } })).rejects.toThrow(`stage ${stage}: expected`);
});
