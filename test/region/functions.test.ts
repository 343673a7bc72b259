import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { FunctionError } from '../../region/function-error.ts';
import type { FunctionsOptions } from '../../region/services/functions.ts';

import { call, functionArn, json, log, start } from './functions-bed.ts';

beforeEach(() => void vi.useFakeTimers({ now: 1_800_000_000_000 }));
afterEach(() => void vi.useRealTimers());

test('a synchronous invocation answers with the result', async () => {
  const { invoke } = start((event, context) => ({
    event,
    id: context.awsRequestId,
    left: context.getRemainingTimeInMillis(),
  }));
  const answer = await invoke({ FunctionName: functionArn, Payload: json({ a: 1 }) });
  expect(answer).toMatchObject({ StatusCode: 200, ExecutedVersion: '$LATEST' });
  expect(answer.payload).toEqual({ event: { a: 1 }, id: 'request-1', left: 3000 });
  expect(answer).not.toHaveProperty('FunctionError');
});

test('a thrown error is an answer with a function error', async () => {
  const { invoke } = start(() => Promise.reject(new RangeError('too far')));
  const answer = await invoke();
  expect(answer).toMatchObject({ StatusCode: 200, FunctionError: 'Unhandled' });
  expect(answer.payload).toMatchObject({ errorType: 'RangeError', errorMessage: 'too far' });
});

test('an invocation that outlives its time-out is ended', async () => {
  const { invoke, functions } = start(() => new Promise(() => {}));
  const answering = invoke();
  await vi.advanceTimersByTimeAsync(2_999);
  expect(log(functions)).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1);
  expect((await answering).payload).toEqual({
    errorType: 'Sandbox.Timedout',
    errorMessage: 'RequestId: request-1 Error: Task timed out after 3.00 seconds',
  });
  expect(log(functions)).toContainEqual(
    expect.stringMatching(/request-1 Task timed out after 3\.00 seconds$/),
  );
});

test('log lines have START, END and REPORT around them', async () => {
  const { invoke, functions } = start(async () => void (await vi.advanceTimersByTimeAsync(40)));
  const answer = await invoke({ LogType: 'Tail' });
  const expected = [
    'START RequestId: request-1 Version: $LATEST',
    'END RequestId: request-1',
    'REPORT RequestId: request-1\tDuration: 40.00 ms\tBilled Duration: 40 ms\tMemory Size: 128 MB\tInit Duration: 0.00 ms',
  ];
  expect(log(functions)).toEqual(expected);
  expect(Buffer.from(String(answer.LogResult), 'base64').toString()).toBe(`${expected.join('\n')}\n`);
});

test.each([
  [
    'an unknown function',
    { FunctionName: 'nobody' },
    'ResourceNotFoundException',
    'Function not found: arn:aws:lambda:ap-northeast-1:000000000000:function:nobody',
  ],
  [
    'a payload that is no JSON',
    { Payload: Buffer.from('{') },
    'InvalidRequestContentException',
    'Could not parse request body into json',
  ],
  [
    'too large an event',
    { InvocationType: 'Event', Payload: json('x'.repeat(1024 * 1024)) },
    'RequestTooLargeException',
    '1048576 bytes',
  ],
])('%s is refused', async (_, input, code, message) => {
  const { invoke } = start(() => 1);
  await expect(invoke(input)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
});

test('a dry run runs nothing', async () => {
  const handler = vi.fn();
  const { invoke } = start(handler);
  expect(await invoke({ InvocationType: 'DryRun' })).toMatchObject({ StatusCode: 204 });
  expect(handler).not.toHaveBeenCalled();
});

test('an event is accepted before it has run', async () => {
  const handler = vi.fn();
  const { invoke } = start(handler);
  expect(await invoke({ InvocationType: 'Event', Payload: json({ a: 1 }) })).toMatchObject({
    StatusCode: 202,
  });
  expect(handler).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(0);
  expect(handler).toHaveBeenCalledExactlyOnceWith({ a: 1 }, expect.anything());
});

test('an event that fails is retried twice, then given up', async () => {
  const at: number[] = [];
  const handler = () => {
    at.push(Date.now() - 1_800_000_000_000);
    throw new Error('no');
  };
  const { functions, sent } = start(handler);
  functions.invokeAsync(functionArn, { a: 1 });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(at).toEqual([0, 1_000, 3_000]);
  expect(sent).toEqual([
    {
      queue: 'arn:queue',
      body: {
        version: '1.0',
        timestamp: new Date(1_800_000_003_000).toISOString(),
        requestContext: {
          requestId: 'event-1',
          functionArn: `${functionArn}:$LATEST`,
          condition: 'RetriesExhausted',
          approximateInvokeCount: 3,
        },
        requestPayload: { a: 1 },
        responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
        responsePayload: expect.objectContaining({ errorType: 'Error', errorMessage: 'no' }),
      },
    },
  ]);
});

test('an event that succeeds on its retry is done', async () => {
  const handler = vi.fn().mockRejectedValueOnce(new Error('no')).mockResolvedValue(1);
  const { functions, sent } = start(handler);
  functions.invokeAsync(functionArn, {});
  await vi.advanceTimersByTimeAsync(60_000);
  expect(handler).toHaveBeenCalledTimes(2);
  expect(sent).toEqual([]);
});

test('no retry is made where none is configured', async () => {
  const handler = vi.fn().mockRejectedValue(new Error('no'));
  const { functions, sent } = start(handler, { async: { maximumRetryAttempts: 0 } });
  functions.invokeAsync(functionArn, {});
  await vi.advanceTimersByTimeAsync(60_000);
  expect(handler).toHaveBeenCalledTimes(1);
  expect(sent).toHaveLength(1);
});

test('a request above the concurrency is throttled', async () => {
  const { invoke } = start(() => new Promise((resolve) => setTimeout(resolve, 1_000)), {
    options: { concurrency: 2 },
  });
  const running = [invoke(), invoke()];
  await expect(invoke()).rejects.toMatchObject({ code: 'TooManyRequestsException', status: 429 });
  await vi.advanceTimersByTimeAsync(1_000);
  await Promise.all(running);
  const again = invoke();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await again).toMatchObject({ StatusCode: 200 });
});

test('reserved concurrency is a limit of its own', async () => {
  const { invoke } = start(() => new Promise((resolve) => setTimeout(resolve, 1_000)), {
    definition: { reservedConcurrency: 1 },
  });
  const running = invoke();
  await expect(invoke()).rejects.toMatchObject({ code: 'TooManyRequestsException' });
  await vi.advanceTimersByTimeAsync(1_000);
  await running;
});

test('what one function reserves is taken from the others', async () => {
  const work = () => new Promise((resolve) => setTimeout(resolve, 1_000));
  const { functions, invoke, definition } = start(work, { options: { concurrency: 3 } });
  functions.create({ ...definition, name: 'other', reservedConcurrency: 2 });
  const running = invoke();
  await expect(invoke()).rejects.toMatchObject({ code: 'TooManyRequestsException' });
  await vi.advanceTimersByTimeAsync(1_000);
  await running;
});

test('a throttled event waits and runs later', async () => {
  const handler = vi.fn(() => new Promise((resolve) => setTimeout(resolve, 2_500)));
  const { functions, sent } = start(handler, { options: { concurrency: 1 } });
  functions.invokeAsync(functionArn, {});
  functions.invokeAsync(functionArn, {});
  await vi.advanceTimersByTimeAsync(2_400);
  expect(handler).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(handler).toHaveBeenCalledTimes(2);
  expect(sent).toEqual([]);
});

test('an event that is too old when it could run is given up', async () => {
  const { functions, sent } = start(() => 1, {
    options: { concurrency: 0 },
    async: { maximumEventAgeSeconds: 60 },
  });
  functions.invokeAsync(functionArn, {});
  await vi.advanceTimersByTimeAsync(200_000);
  expect(sent.map(({ body }) => body.requestContext)).toMatchObject([
    { condition: 'EventAgeExceeded', approximateInvokeCount: 0 },
  ]);
});

test('a warm environment is used again until it dies', async () => {
  const starts: string[] = [];
  const replies = [
    1,
    new FunctionError({ errorType: 'Runtime.ExitError', errorMessage: 'exit', fatal: true }),
    3,
  ];
  const sandboxes: FunctionsOptions['sandboxes'] = {
    async start(spec) {
      starts.push(spec.name);
      return {
        invoke: async () => {
          const reply = replies.shift();
          if (reply instanceof Error) throw reply;
          return reply;
        },
        stop: async () => {},
      };
    },
  };
  const { invoke } = start(() => 1, { options: { sandboxes } });
  await invoke();
  expect(await invoke()).toMatchObject({ payload: { errorType: 'Runtime.ExitError' } });
  expect(starts).toHaveLength(1);
  expect(await invoke()).toMatchObject({ payload: 3 });
  expect(starts).toHaveLength(2);
});

test('an environment that nobody uses is ended', async () => {
  const stop = vi.fn(async () => {});
  const sandboxes = { start: async () => ({ invoke: async () => 1, stop }) };
  const { invoke } = start(() => 1, { options: { sandboxes } });
  await invoke();
  await vi.advanceTimersByTimeAsync(200_000);
  await invoke();
  await vi.advanceTimersByTimeAsync(299_000);
  expect(stop).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(stop).toHaveBeenCalledOnce();
});

test('only a permitted source may invoke', () => {
  const { functions } = start(() => 1);
  functions.permit({ functionName: 'work', principal: 'events.amazonaws.com', sourceArn: 'arn:rule' });
  expect(functions.permits(functionArn, 'events.amazonaws.com', 'arn:rule')).toBe(true);
  expect(functions.permits(functionArn, 'events.amazonaws.com', 'arn:other')).toBe(false);
  expect(functions.permits(functionArn, 'sns.amazonaws.com', 'arn:rule')).toBe(false);
});

test('functions are listed a page at a time', async () => {
  const { functions } = start(() => 1);
  const list = (input: object) =>
    functions.service.operations.ListFunctions!(input, call) as Record<string, unknown>;
  expect(list({})).toMatchObject({
    Functions: [{ FunctionName: 'work', Timeout: 3, Runtime: 'nodejs24.x' }],
  });
  expect(list({})).not.toHaveProperty('NextMarker');
});

test('a closed region runs nothing more', async () => {
  const handler = vi.fn().mockRejectedValue(new Error('no'));
  const { functions } = start(handler);
  functions.invokeAsync(functionArn, {});
  await vi.advanceTimersByTimeAsync(500);
  await functions.close();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(handler).toHaveBeenCalledTimes(1);
  expect(vi.getTimerCount()).toBe(0);
});

test('a closed region ends an environment that is still starting', async () => {
  const stop = vi.fn(async () => {});
  const sandbox = { invoke: () => Promise.reject(new Error('stopped')), stop };
  const sandboxes = {
    start: () => new Promise<typeof sandbox>((resolve) => setTimeout(() => resolve(sandbox), 500)),
  };
  const { functions, invoke } = start(() => 1, { options: { sandboxes } });
  void invoke();
  const closing = functions.close();
  await vi.advanceTimersByTimeAsync(500);
  await closing;
  expect(stop).toHaveBeenCalled();
});
