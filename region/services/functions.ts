import { isDeepStrictEqual } from 'node:util';
import * as model from '@aws-sdk/client-lambda';
import type { Faults } from '../faults.ts';
import { page } from '../pages.ts';
import type { Clock, Sandboxes } from '../ports.ts';
import { AwsError, arn, region, type Service } from '../service.ts';
import { createTimers } from '../timers.ts';
import {
  type AsyncConfig,
  createExecutor,
  type FunctionDefinition,
  type LambdaFunction,
} from './function-execution.ts';
import { createFunctionLog, type FunctionLog } from './function-log.ts';
import { createFunctionQueue } from './function-queue.ts';

export interface FunctionsOptions {
  clock: Clock;
  sandboxes: Sandboxes;
  newId(): string;
  /** Executions at once in the account; a new AWS account has 10. */
  concurrency: number;
  faults: Faults;
  /** Waits before the first and the second retry of a failed asynchronous invocation. */
  retryDelaysMs(): readonly number[];
  /** Sends a function's record to a queue, by its ARN. */
  send(queueArn: string, body: string, sender: FunctionDefinition): void;
  /** Whether a function's role lets Lambda do this for it; without it, everything. */
  allows?(one: FunctionDefinition, action: string, resource: string): boolean;
  /** Sees each log line of each function. */
  onLog?(functionName: string, line: string): void;
}

/** A statement of a function's resource policy (AWS::Lambda::Permission). */
export interface Permission {
  functionName: string;
  principal: string;
  sourceArn?: string;
}

export interface Functions {
  service: Service;
  create(definition: FunctionDefinition): void;
  /** Its environments that run go on with what they had; the next invocation has a new one. */
  change(name: string, changes: Partial<FunctionDefinition>): void;
  remove(name: string): void;
  configureAsync(name: string, config: AsyncConfig): void;
  permit(permission: Permission): void;
  forbid(permission: Permission): void;
  /** Whether the function lets this source of a service (`events.amazonaws.com`) invoke it. */
  permits(functionArn: string, principal: string, sourceArn: string): boolean;
  /** Accepts an event as an asynchronous invocation does. Throws ResourceNotFoundException. */
  invokeAsync(functionArn: string, event: unknown): void;
  log(functionName: string): FunctionLog;
  close(): Promise<void>;
}

interface InvokeInput {
  FunctionName: string;
  InvocationType?: 'RequestResponse' | 'Event' | 'DryRun';
  LogType?: string;
  Payload?: Uint8Array;
}

const synchronousBytesMax = 6 * 1024 * 1024;
const asynchronousBytesMax = 1024 * 1024;
const pageMax = 50;
const fresh = () => ({ idle: [], running: 0, removed: false, kills: new Map<string, () => void>() });
export const asyncDefaults: AsyncConfig = { maximumRetryAttempts: 2, maximumEventAgeSeconds: 21_600 };
const functionName =
  /^(?:arn:aws:lambda:[\w-]+:)?(?:(?:\d{12}:)?function:|\d{12}:)?([\w-]{1,64})(?::\$LATEST)?$/;

/** Lambda: functions in sandboxes, with its time-outs, concurrency, asynchronous retries and destinations. */
export function createFunctions(options: FunctionsOptions): Functions {
  const functions = new Map<string, LambdaFunction>();
  const permissions: Permission[] = [];
  const timers = createTimers(options.clock);
  const executor = createExecutor(options, functions, timers);
  const enqueue = createFunctionQueue(options, executor, timers);
  options.faults.onCrash((name, environment) => functions.get(name)?.kills.get(environment)?.());

  const find = (nameOrArn: string): LambdaFunction => {
    const found = functions.get(functionName.exec(nameOrArn)?.[1] ?? '');
    if (found) return found;
    const missing = nameOrArn.startsWith('arn:') ? nameOrArn : arn('lambda', `function:${nameOrArn}`);
    throw new AwsError('ResourceNotFoundException', `Function not found: ${missing}`, 404);
  };

  const invoke = async (input: InvokeInput, requestId: string) => {
    const one = find(input.FunctionName);
    const payload = payloadOf(input);
    if (input.InvocationType === 'DryRun') return { StatusCode: 204 };
    if (input.InvocationType === 'Event') {
      enqueue(one, payload, requestId);
      return { StatusCode: 202, Payload: new Uint8Array() };
    }
    const outcome = await executor.run(one, payload, requestId);
    return {
      StatusCode: 200,
      ExecutedVersion: '$LATEST',
      Payload: Buffer.from(outcome.payload),
      ...(outcome.error && { FunctionError: 'Unhandled' }),
      ...(input.LogType === 'Tail' && { LogResult: Buffer.from(outcome.logTail).toString('base64') }),
    };
  };

  return {
    service: {
      name: 'lambda',
      model,
      client: new model.LambdaClient({ region }),
      operations: {
        ListFunctions: (input) => listFunctions([...functions.values()], input),
        Invoke: (input: InvokeInput, { requestId }) => invoke(input, requestId),
      },
      limits: {
        ListFunctions: { Marker: {}, MaxItems: { min: 1, max: 10_000 } },
        Invoke: {
          FunctionName: { min: 1, max: 170, pattern: functionName },
          InvocationType: { values: ['RequestResponse', 'Event', 'DryRun'] },
          LogType: { values: ['None', 'Tail'] },
          Payload: {},
        },
      },
    },
    create(definition) {
      if (functions.has(definition.name)) {
        throw new AwsError('ResourceConflictException', `Function already exist: ${definition.name}`, 409);
      }
      const log = createFunctionLog(options.clock, {
        allows(action, stream) {
          const resource = arn('logs', `log-group:/aws/lambda/${definition.name}:log-stream:${stream}`);
          return options.allows?.(definition, action, resource) ?? true;
        },
        onLine: (line) => options.onLog?.(definition.name, line),
      });
      functions.set(definition.name, { definition, async: asyncDefaults, log, ...fresh() });
    },
    change(name, changes) {
      const one = find(name);
      one.definition = { ...one.definition, ...changes };
      stopIdle(one);
    },
    remove(name) {
      const one = find(name);
      one.removed = true;
      stopIdle(one);
      functions.delete(name);
    },
    configureAsync(name, config) {
      find(name).async = config;
    },
    permit: ({ functionName, ...statement }) => {
      permissions.push({ functionName: find(functionName).definition.arn, ...statement });
    },
    forbid: ({ functionName, ...statement }) => {
      const functionArn = functions.get(functionName)?.definition.arn ?? functionName;
      const kept = permissions.filter(
        (one) => !isDeepStrictEqual(one, { functionName: functionArn, ...statement }),
      );
      permissions.splice(0, permissions.length, ...kept);
    },
    permits: (functionArn, principal, sourceArn) =>
      permissions.some(
        (one) =>
          one.functionName === functionArn &&
          one.principal === principal &&
          (one.sourceArn === undefined || one.sourceArn === sourceArn),
      ),
    invokeAsync: (functionArn, event) => enqueue(find(functionArn), JSON.stringify(event), options.newId()),
    log: (name) => find(name).log,
    async close() {
      timers.close();
      await executor.close();
    },
  };
}

function stopIdle({ idle }: LambdaFunction): void {
  for (const { sandbox, keepWarm } of idle.splice(0)) {
    keepWarm?.();
    void sandbox.stop();
  }
}

function payloadOf({ Payload, InvocationType }: InvokeInput): string {
  const payload = Buffer.from(Payload ?? []).toString() || '{}';
  const max = InvocationType === 'Event' ? asynchronousBytesMax : synchronousBytesMax;
  if (Buffer.byteLength(payload) > max) {
    const message = `Request must be smaller than ${max} bytes for the ${InvocationType ?? 'RequestResponse'} operation`;
    throw new AwsError('RequestTooLargeException', message, 413);
  }
  try {
    JSON.parse(payload);
    return payload;
  } catch (error) {
    const message = `Could not parse request body into json: ${(error as Error).message}`;
    throw new AwsError('InvalidRequestContentException', message, 400);
  }
}

function listFunctions(all: LambdaFunction[], { Marker, MaxItems }: { Marker?: string; MaxItems?: number }) {
  const size = Math.min(MaxItems ?? pageMax, pageMax);
  const { items, next } = page(all, Marker, size, 'InvalidParameterValueException');
  return {
    Functions: items.map(({ definition }) => ({
      FunctionName: definition.name,
      FunctionArn: definition.arn,
      Runtime: definition.runtime,
      Role: definition.role,
      Handler: definition.handler,
      CodeSize: definition.codeSize,
      CodeSha256: definition.codeSha256,
      Description: definition.description,
      Timeout: definition.timeoutSeconds,
      MemorySize: definition.memoryMegabytes,
      Version: '$LATEST',
      PackageType: 'Zip',
      Architectures: definition.architectures,
    })),
    ...(next && { NextMarker: next }),
  };
}
