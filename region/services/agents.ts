import type { Context } from '../context.ts';
import type { Instance } from '../instances.ts';
import type { RunResult } from '../ports.ts';
import { type CommandDocument, substitute } from './documents.ts';

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
  /** On its way to the agent, or further. */
  sent: boolean;
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
export class Agents {
  private readonly context: Context;
  private readonly busy = new Map<string, { running: number; waiting: Invocation[] }>();

  constructor(context: Context) {
    this.context = context;
  }

  /** Starts as many invocations as the command's own concurrency and number of errors allow. */
  advance({ invocations, concurrency, errorsMax }: Command): void {
    const errors = invocations.filter(({ status }) => status === 'Failed' || status === 'TimedOut').length;
    const waiting = invocations.filter(({ sent }) => !sent);
    if (errors > errorsMax) {
      for (const invocation of waiting.filter((i) => !isEnded(i)))
        this.end(invocation, 'Cancelled', 'Terminated');
      return;
    }
    const running = invocations.filter((invocation) => invocation.sent && !isEnded(invocation)).length;
    for (const invocation of waiting.slice(0, concurrency - running)) this.deliver(invocation);
  }

  private deliver(invocation: Invocation): void {
    const { clock, pace } = this.context;
    const { command, instance } = invocation;
    const deliveryMs = command.deliveryTimeoutSeconds * 1000;
    let delivered = false;
    invocation.sent = true;
    clock.after(pace.deliveryMs, () => {
      if (!isOnline(this.context, instance)) return;
      delivered = true;
      const agent = this.busy.get(instance.instanceId) ?? { running: 0, waiting: [] };
      this.busy.set(instance.instanceId, agent);
      agent.waiting.push(invocation);
      this.work(agent);
    });
    clock.after(deliveryMs, () => {
      if (!delivered) this.end(invocation, 'TimedOut', 'Delivery Timed Out');
    });
    // What an agent took and never answered, because its machine is gone, ends after both time-outs.
    const { timeoutMs } = substitute(command.document, command.parameters);
    clock.after(deliveryMs + timeoutMs, () => this.end(invocation, 'TimedOut', 'Execution Timed Out'));
  }

  private work(agent: { running: number; waiting: Invocation[] }): void {
    while (agent.running < slots && agent.waiting.length > 0) {
      agent.running += 1;
      void this.run(agent.waiting.shift()!).finally(() => {
        agent.running -= 1;
        this.work(agent);
      });
    }
  }

  private async run(invocation: Invocation): Promise<void> {
    const { command, instance } = invocation;
    const { document, parameters } = command;
    if (isEnded(invocation)) return;
    invocation.startedAt = this.context.clock.now();
    this.change(invocation, 'InProgress', 'In Progress');
    let result: RunResult;
    try {
      const { script, timeoutMs } = substitute(document, parameters);
      result = await instance.host!.run({ documentName: document.name, parameters, script, timeoutMs });
    } catch {
      return; // The machine went away with the command: nobody is left to report.
    }
    if (instance.state !== 'running') return;
    invocation.result ??= result;
    if (result.timedOut) this.end(invocation, 'TimedOut', 'Execution Timed Out');
    else if (result.exitCode === 0) this.end(invocation, 'Success', 'Success');
    else this.end(invocation, 'Failed', 'Failed');
  }

  /** The first end counts. */
  private end(invocation: Invocation, status: InvocationStatus, details: string): void {
    if (isEnded(invocation)) return;
    invocation.endedAt = this.context.clock.now();
    this.change(invocation, status, details);
    this.advance(invocation.command);
  }

  private change(invocation: Invocation, status: InvocationStatus, details: string): void {
    const { command, instance } = invocation;
    invocation.status = status;
    invocation.statusDetails = details;
    this.context.publish({
      source: 'aws.ssm',
      'detail-type': 'EC2 Command Invocation Status-change Notification',
      detail: {
        'command-id': command.id,
        'document-name': command.document.name,
        'instance-id': instance.instanceId,
        'requested-date-time': new Date(command.requestedAt).toISOString(),
        status,
      },
    });
  }
}
