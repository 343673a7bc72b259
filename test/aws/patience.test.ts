import { AutoScalingClient, DescribeAutoScalingGroupsCommand } from '@aws-sdk/client-auto-scaling';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fewAtOnce, patience } from '../../shared/aws/patience.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const failure = (name: string, status = 400) =>
  Object.assign(new Error('no'), { name, $metadata: { httpStatusCode: status } });

/** A client whose wire is `answer`. */
function client(answer: () => Promise<unknown>) {
  const made = new AutoScalingClient({
    region: 'x',
    credentials: { accessKeyId: 'x', secretAccessKey: 'x' },
    retryStrategy: patience,
  });
  made.middlewareStack.add(() => async () => ({ response: {}, output: (await answer()) as never }), {
    step: 'finalizeRequest',
    priority: 'low',
  });
  return fewAtOnce(made);
}
const output = () => ({ $metadata: {} });
const call = (made: AutoScalingClient) => made.send(new DescribeAutoScalingGroupsCommand({}));

/** Lets time pass until the call has ended; seconds and how it ended. */
async function ended(work: Promise<unknown>) {
  const from = Date.now();
  let how: 'waits' | 'succeeded' | 'failed' = 'waits';
  void work.then(
    () => (how = 'succeeded'),
    () => (how = 'failed'),
  );
  while (how === 'waits') await vi.advanceTimersByTimeAsync(100);
  return { how, seconds: (Date.now() - from) / 1000 };
}

test.for(['Throttling', 'ThrottlingException', 'RateExceeded'])(
  '%s is waited out for minutes',
  async (name) => {
    let left = 12;
    const made = client(async () => {
      if (left-- > 0) throw failure(name);
      return output();
    });
    const { how, seconds } = await ended(call(made));
    expect(how).toBe('succeeded');
    expect(seconds).toBeGreaterThan(60);
  },
);

test('a throttle without an end is an error after minutes', async () => {
  const { how, seconds } = await ended(call(client(async () => Promise.reject(failure('Throttling')))));
  expect(how).toBe('failed');
  expect(seconds).toBeGreaterThan(120);
  expect(seconds).toBeLessThan(600);
});

test('a refusal is not tried again', async () => {
  const answer = vi.fn(async () => Promise.reject(failure('ValidationError')));
  expect((await ended(call(client(answer)))).how).toBe('failed');
  expect(answer).toHaveBeenCalledTimes(1);
});

test('a server that fails for a moment is asked again', async () => {
  const answer = vi.fn(async () => output());
  answer.mockRejectedValueOnce(failure('InternalFailure', 500));
  expect((await ended(call(client(answer)))).how).toBe('succeeded');
});

test('few calls are under way at once, and all get their turn', async () => {
  let now = 0;
  let most = 0;
  const made = client(async () => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setTimeout(resolve, 50));
    now -= 1;
    return output();
  });
  const { how } = await ended(Promise.all(Array.from({ length: 40 }, () => call(made))));
  expect(how).toBe('succeeded');
  expect(most).toBe(5);
});
