import { machineClock } from '../../region/clock.ts';
import { Faults } from '../../region/faults.ts';
import { createInProcessSandboxes, type Handler } from '../../region/sandbox-in-process.ts';
import type { Call } from '../../region/service.ts';
import type { AsyncConfig, FunctionDefinition } from '../../region/services/function-execution.ts';
import { createFunctions, type FunctionsOptions } from '../../region/services/functions.ts';

export const call: Call = { identity: 'me', accessKeyId: 'key', requestId: 'request-1' };
export const functionArn = 'arn:aws:lambda:ap-northeast-1:000000000000:function:work';

/** Lambda with one function `work`, on the machine's or the fake clock. */
export function start(
  handler: Handler,
  extra: {
    definition?: Partial<FunctionDefinition>;
    async?: Partial<AsyncConfig>;
    options?: Partial<FunctionsOptions>;
  } = {},
) {
  const sent: { queue: string; body: Record<string, unknown> }[] = [];
  const faults = new Faults(machineClock, () => 0.5);
  const functions = createFunctions({
    clock: machineClock,
    sandboxes: createInProcessSandboxes(machineClock, { work: handler }),
    newId: () => 'event-1',
    concurrency: 10,
    retryDelaysMs: () => [1_000, 2_000],
    faults,
    send: (queue, body) => void sent.push({ queue, body: JSON.parse(body) }),
    ...extra.options,
  });
  const definition: FunctionDefinition = {
    name: 'work',
    arn: functionArn,
    handler: 'index.handler',
    directory: '/nowhere',
    environment: {},
    timeoutSeconds: 3,
    memoryMegabytes: 128,
    role: 'arn:aws:iam::000000000000:role/work',
    runtime: 'nodejs24.x',
    description: '',
    architectures: ['arm64'],
    codeSize: 1,
    codeSha256: '',
    ...extra.definition,
  };
  functions.create(definition);
  const config = { maximumRetryAttempts: 2, maximumEventAgeSeconds: 21_600, onFailure: 'arn:queue' };
  functions.configureAsync('work', { ...config, ...extra.async });
  const invoke = async (input: Record<string, unknown> = {}) => {
    const operation = functions.service.operations.Invoke!;
    const output = (await operation({ FunctionName: 'work', ...input }, call)) as Record<string, unknown>;
    const payload = Buffer.from((output.Payload as Uint8Array | undefined) ?? []).toString();
    return { ...output, payload: payload && JSON.parse(payload) } as Record<string, unknown>;
  };
  return { functions, faults, invoke, sent, definition };
}

export const json = (value: unknown) => Buffer.from(JSON.stringify(value));
export const log = (functions: ReturnType<typeof start>['functions']) =>
  functions.log('work').lines.map(({ line }) => line);
