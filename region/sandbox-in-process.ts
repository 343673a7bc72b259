import { functionError } from './function-error.ts';
import type { Clock, FunctionSpec, Sandboxes } from './ports.ts';

/** What Lambda hands a Node handler beside the event. */
export interface InvocationContext {
  functionName: string;
  functionVersion: string;
  invokedFunctionArn: string;
  memoryLimitInMB: string;
  awsRequestId: string;
  logGroupName: string;
  logStreamName: string;
  callbackWaitsForEmptyEventLoop: boolean;
  getRemainingTimeInMillis(): number;
}

export type Handler = (event: unknown, context: InvocationContext) => unknown;

/**
 * Sandboxes for virtual time: each function is a handler of this process, by the function's name. Events and
 * results cross as JSON, as on the wire. A handler that runs out of its time can't be killed here: its
 * invocation fails, and whatever it still does happens.
 */
export function createInProcessSandboxes(clock: Clock, handlers: Record<string, Handler>): Sandboxes {
  return {
    async start(spec) {
      const handler = handlers[spec.name];
      if (!handler) throw new Error(`no handler for the function ${spec.name}`);
      return {
        async invoke(event, { requestId, deadline }) {
          try {
            const result = await handler(event, contextOf(spec, requestId, deadline, clock));
            return JSON.parse(JSON.stringify(result) ?? 'null');
          } catch (thrown) {
            throw functionError(thrown);
          }
        },
        async stop() {},
      };
    },
  };
}

function contextOf(spec: FunctionSpec, requestId: string, deadline: number, clock: Clock): InvocationContext {
  return {
    functionName: spec.name,
    functionVersion: '$LATEST',
    invokedFunctionArn: spec.arn,
    memoryLimitInMB: String(spec.memoryMegabytes),
    awsRequestId: requestId,
    logGroupName: `/aws/lambda/${spec.name}`,
    logStreamName: 'in-process',
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => Math.max(0, deadline - clock.now()),
  };
}
