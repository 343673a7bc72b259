import { expect, test } from 'vitest';
import launch from '../events/launch.json' with { type: 'json' };
import parameterChange from '../events/parameter-change.json' with { type: 'json' };
import schedule from '../events/schedule.json' with { type: 'json' };
import { aboutOf, readLetter, textOf } from '../scripts/shoal/letter.ts';

const functionArn = (name: string) => `arn:aws:lambda:ap-northeast-1:000000000000:function:${name}`;
const givenUp = (name: string, more = {}) =>
  readLetter(
    {
      MessageId: '3d1b291e-a48b-4de4-ae2b-00cdb0dbe517',
      Attributes: { SentTimestamp: '1795856520000' },
      Body: JSON.stringify({
        requestContext: {
          functionArn: `${functionArn(name)}:$LATEST`,
          condition: 'RetriesExhausted',
          approximateInvokeCount: 3,
        },
        requestPayload: launch,
        responsePayload: { errorType: 'Error', errorMessage: 'reading the groups' },
        ...more,
      }),
    },
    'shoal',
  );

test('what a function failed on names it, the event and the error', () => {
  expect(textOf(givenUp('shoal-admit'))).toBe(`\
3d1b291e  2026-11-28 09:02 UTC admit: launch of i-0123456789abcdef0 in demo
          RetriesExhausted after 3 attempts: Error: reading the groups
`);
});

test('an event that was never tried has no answer to show', () => {
  const { error } = givenUp('shoal-admit', { responsePayload: undefined });
  expect(error).toBe('RetriesExhausted after 3 attempts: no error given');
});

test.each(['other', 'shoal', 'shoal-dev-admit', 'other-shoal-admit'])(
  'a record of the function %s is not ours',
  (name) => {
    expect(givenUp(name).function).toBe(null);
    expect(givenUp('shoal-drain').function).toBe('shoal-drain');
  },
);

test.each(['', 'null', '7', '[]', '{"requestContext":7}'])('a message of %j is no dead letter', (Body) => {
  const letter = readLetter({ MessageId: 'x', Body }, 'shoal');
  expect(letter.function).toBe(null);
  expect(textOf(letter)).toContain('no dead letter of this operator');
});

test.each([
  ['notices', 'rule shoal-notices could not deliver it: NO_PERMISSIONS: no reason given'],
  ['dev-notices', 'no dead letter of this operator'],
])('what the topic did not take of %s is shown with its error, for no function', (rule, error) => {
  const attribute = (StringValue: string) => ({ DataType: 'String', StringValue });
  const letter = readLetter(
    {
      MessageId: '3d1b291e',
      Body: JSON.stringify({ 'detail-type': 'Shoal Launch Held' }),
      MessageAttributes: {
        RULE_ARN: attribute(`arn:aws:events:ap-northeast-1:000000000000:rule/shoal-${rule}`),
        TARGET_ARN: attribute('arn:aws:sns:ap-northeast-1:000000000000:shoal-notifications'),
        ERROR_CODE: attribute('NO_PERMISSIONS'),
      },
    },
    'shoal',
  );
  expect(letter).toMatchObject({ function: null, error });
});

test('what the topic did not take of an alarm is what its rule would have told', () => {
  const attribute = (StringValue: string) => ({ DataType: 'String', StringValue });
  const detail = {
    alarmName: 'shoal/no-sweep',
    state: { value: 'ALARM' },
    configuration: { description: 'It happened. Do: look at it. Runbook: https://wiki/#no-sweep' },
  };
  const letter = readLetter(
    {
      MessageId: '3d1b291e',
      Body: JSON.stringify({ 'detail-type': 'CloudWatch Alarm State Change', detail }),
      MessageAttributes: {
        RULE_ARN: attribute('arn:aws:events:ap-northeast-1:000000000000:rule/shoal-alarms'),
        TARGET_ARN: attribute('arn:aws:sns:ap-northeast-1:000000000000:shoal-notifications'),
        ERROR_CODE: attribute('NO_PERMISSIONS'),
      },
    },
    'shoal',
  );
  expect(letter.notice).toEqual({
    text: 'ALARM shoal/no-sweep: It happened',
    next: 'look at it. Runbook: https://wiki/#no-sweep',
  });
  expect(textOf(letter)).toContain('topic: ALARM shoal/no-sweep: It happened\n');
});

test.each([
  [launch, 'launch of i-0123456789abcdef0 in demo'],
  [parameterChange, 'Update of /shoal/demo/allowed-cidrs'],
  [schedule, 'the sweep'],
  [{ fleet: 'demo', mode: 'sweep', askAll: true }, 'sweep of fleet demo'],
  [{ 'detail-type': 'Something else' }, 'Something else'],
  [null, 'an event of an unknown kind'],
])('an event is told in a line, %#', (event, line) => {
  expect(aboutOf({ event, notice: null })).toBe(line);
});
