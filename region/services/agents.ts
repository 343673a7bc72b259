import type { Instance } from '../instances.ts';
import type { RunResult } from '../ports.ts';
import type { Context } from '../world.ts';
import type { CommandDocument } from './documents.ts';
import { substitute } from './documents.ts';

export type InvocationStatus = 'Pending' | 'InProgress' | 'Success' | 'Failed' | 'TimedOut' | 'Cancelled';

export interface Command {
  id: string;
  document: CommandDocument;
  parameters: Record<string, string>;
  requestedAt: number;
  deliveryTimeoutSeconds: number;
  comment: string;
  concurrency: number;
  errorsMax: number;
  invocations: Invocation[];
}

export interface Invocation {
  command: Command;
  instance: Instance;
  status: InvocationStatus;
  statusDetails: string;
  startedAt: number | undefined;
  endedAt: number | undefined;
  result: RunResult | undefined;
}

/** The SSM agent runs this many commands at a time. */
const slots = 5;

export const isEnded = ({ status }: Invocation): boolean => status !== 'Pending' && status !== 'InProgress';

export function isOnline(context: Context, instance: Instance): boolean {
  return instance.state === 'running' && instance.agentOnlineAt <= context.clock.now();
}

/** Delivers commands to hosts, runs them, and ends each invocation one way or another. */
export function createAgents(context: Context) {
  const { clock, pace } = context;
  const busy = new Map<string, { running: number; waiting: Invocation[] }>();

  /** Starts as many invocations as the command's own concurrency allows. */
  function advance(command: Command): void {
    const { invocations, concurrency, errorsMax } = command;
    const errors = invocations.filter(({ status }) => status === 'Failed' || status === 'TimedOut').length;
    const waiting = invocations.filter(
      ({ status, startedAt }) => status === 'Pending' && startedAt === undefined,
    );
    if (errors > errorsMax) {
      for (const invocation of waiting) end(invocation, 'Cancelled', 'Terminated');
      return;
    }
    const running = invocations.filter((i) => !isEnded(i) && i.startedAt !== undefined).length;
    for (const invocation of waiting.slice(0, concurrency - running)) deliver(invocation);
  }

  function deliver(invocation: Invocation): void {
    const { command, instance } = invocation;
    invocation.startedAt = clock.now();
    const { timeoutMs } = substitute(command.document, command.parameters);
    let delivered = false;
    clock.after(pace.deliveryMs, () => {
      if (!isOnline(context, instance)) return;
      delivered = true;
      const agent = busy.get(instance.instanceId) ?? { running: 0, waiting: [] };
      busy.set(instance.instanceId, agent);
      agent.waiting.push(invocation);
      work(agent);
    });
    const deliveryMs = command.deliveryTimeoutSeconds * 1000;
    clock.after(deliveryMs, () => {
      if (!delivered) expire(invocation, 'Delivery Timed Out');
    });
    // What an agent took and never answered, because its machine is gone, ends after both time-outs.
    clock.after(deliveryMs + timeoutMs, () => expire(invocation, 'Execution Timed Out'));
  }

  function work(agent: { running: number; waiting: Invocation[] }): void {
    while (agent.running < slots && agent.waiting.length > 0) {
      agent.running += 1;
      void run(agent.waiting.shift()!).finally(() => {
        agent.running -= 1;
        work(agent);
      });
    }
  }

  async function run(invocation: Invocation): Promise<void> {
    const { command, instance } = invocation;
    const { document, parameters } = command;
    invocation.startedAt = clock.now();
    change(invocation, 'InProgress', 'In Progress');
    let result: RunResult;
    try {
      const { script, timeoutMs } = substitute(document, parameters);
      result = await instance.host!.run({ documentName: document.name, parameters, script, timeoutMs });
    } catch {
      return; // The machine went away with the command: nobody is left to report.
    }
    if (instance.state !== 'running' || isEnded(invocation)) return;
    invocation.result = result;
    if (result.timedOut) end(invocation, 'TimedOut', 'Execution Timed Out');
    else if (result.exitCode === 0) end(invocation, 'Success', 'Success');
    else end(invocation, 'Failed', 'Failed');
  }

  function expire(invocation: Invocation, details: string): void {
    if (!isEnded(invocation)) end(invocation, 'TimedOut', details);
  }

  function end(invocation: Invocation, status: InvocationStatus, details: string): void {
    invocation.endedAt = clock.now();
    change(invocation, status, details);
    if (status !== 'Cancelled') advance(invocation.command);
  }

  function change(invocation: Invocation, status: InvocationStatus, details: string): void {
    invocation.status = status;
    invocation.statusDetails = details;
    context.publish({
      source: 'aws.ssm',
      'detail-type': 'EC2 Command Invocation Status-change Notification',
      detail: {
        'command-id': invocation.command.id,
        'document-name': invocation.command.document.name,
        'instance-id': invocation.instance.instanceId,
        'requested-date-time': new Date(invocation.command.requestedAt).toISOString(),
        status,
      },
    });
  }

  return { advance };
}
