import type { Context } from '../context.ts';
import type { Instance } from '../instances.ts';
import type { RunResult } from '../ports.ts';
import type { CommandDocument, substitute } from './documents.ts';

export type InvocationStatus =
  | 'Pending'
  | 'InProgress'
  | 'Cancelling'
  | 'Success'
  | 'Failed'
  | 'TimedOut'
  | 'Cancelled';

export interface Command {
  id: string;
  document: CommandDocument;
  parameters: Record<string, string>;
  /** The document's step with the parameters put in, once for all its instances. */
  step: ReturnType<typeof substitute>;
  requestedAt: number;
  deliveryTimeoutSeconds: number;
  comment: string;
  concurrency: number;
  errorsMax: number;
  cancelled: boolean;
  invocations: Invocation[];
}

export interface Invocation {
  command: Command;
  instance: Instance;
  status: InvocationStatus;
  statusDetails: string;
  /** On its way to the agent, or further. */
  sent: boolean;
  /** Ends the script on its host. */
  abort: AbortController;
  startedAt: number | undefined;
  endedAt: number | undefined;
  result: RunResult | undefined;
}

/** The SSM agent runs this many commands at a time. */
const slots = 5;
/** A command that waits for its agent is tried again after so long. */
const knockMs = 1_000;

const open: InvocationStatus[] = ['Pending', 'InProgress', 'Cancelling'];

/** What was never delivered doesn't count as an error of the command. */
export const isError = ({ statusDetails }: Invocation): boolean =>
  statusDetails === 'Failed' || statusDetails === 'Execution Timed Out';

export const isEnded = ({ status }: Invocation): boolean => !open.includes(status);

/** Whether the agent has been heard of. It stays registered when it falls silent. */
export function isRegistered({ clock, faults }: Context, instance: Instance): boolean {
  return faults.agentOf(instance).onlineAt <= clock.now();
}

export function isOnline(context: Context, instance: Instance): boolean {
  const { silentSince } = context.faults.agentOf(instance);
  return instance.state === 'running' && silentSince === null && isRegistered(context, instance);
}

const isGone = ({ state }: Instance): boolean => state === 'shutting-down' || state === 'terminated';

/** Delivers commands to hosts, runs them, and ends each invocation one way or another. */
export class Agents {
  private readonly context: Context;
  private readonly busy = new Map<string, { running: number; waiting: Invocation[] }>();
  private readonly timeOuts = new Map<Invocation, () => void>();

  constructor(context: Context) {
    this.context = context;
  }

  /** Starts as many invocations as the command's own concurrency and number of errors allow. */
  advance({ invocations, concurrency, errorsMax }: Command): void {
    const errors = invocations.filter(isError).length;
    const waiting = invocations.filter(({ sent }) => !sent);
    if (errors > errorsMax) {
      for (const invocation of waiting.filter((i) => !isEnded(i)))
        this.end(invocation, 'Cancelled', 'Terminated');
      return;
    }
    const running = invocations.filter((invocation) => invocation.sent && !isEnded(invocation)).length;
    for (const invocation of waiting.slice(0, concurrency - running)) this.deliver(invocation);
  }

  /** What waits is cancelled at once; a script that runs is killed, and the agent says when it is gone. */
  cancel(invocation: Invocation): void {
    if (invocation.status === 'Pending') this.end(invocation, 'Cancelled', 'Cancelled');
    if (invocation.status !== 'InProgress') return;
    this.change(invocation, 'Cancelling', 'Cancelling');
    this.context.clock.after(this.context.pace.deliveryMs, () => {
      if (isOnline(this.context, invocation.instance)) invocation.abort.abort();
    });
  }

  private deliver(invocation: Invocation): void {
    const { clock, pace, faults } = this.context;
    const { command, instance } = invocation;
    const deliveryMs = command.deliveryTimeoutSeconds * 1000;
    const deliverBy = clock.now() + deliveryMs;
    invocation.sent = true;
    const knock = (): void => {
      if (isGone(instance)) this.end(invocation, 'Failed', 'Undeliverable');
      // A script must not start after its delivery was given up.
      if (isEnded(invocation) || clock.now() >= deliverBy) return;
      if (!isOnline(this.context, instance)) return void clock.after(knockMs, knock);
      const agent = this.busy.get(instance.instanceId) ?? { running: 0, waiting: [] };
      this.busy.set(instance.instanceId, agent);
      agent.waiting.push(invocation);
      this.work(agent);
    };
    clock.after(pace.deliveryMs + faults.agentOf(instance).slowMs, knock);
    // Whatever an agent never answered to, taken or not, expires after both time-outs.
    const expire = () => this.end(invocation, 'TimedOut', 'Delivery Timed Out');
    this.timeOuts.set(invocation, clock.after(deliveryMs + command.step.timeoutMs, expire));
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
    const { document, parameters, step } = command;
    if (isEnded(invocation)) return;
    invocation.startedAt = this.context.clock.now();
    this.change(invocation, 'InProgress', 'In Progress');
    let result: RunResult;
    try {
      const { signal } = invocation.abort;
      result = await instance.host!.run({ documentName: document.name, parameters, ...step, signal });
    } catch {
      return; // The machine went away with the command: nobody is left to report.
    }
    // A silent agent reports nothing, and its command ends when both time-outs have passed.
    if (!isOnline(this.context, instance)) return;
    invocation.result ??= result;
    if (invocation.abort.signal.aborted) this.end(invocation, 'Cancelled', 'Cancelled');
    else if (result.timedOut) this.end(invocation, 'TimedOut', 'Execution Timed Out');
    else if (result.exitCode === 0) this.end(invocation, 'Success', 'Success');
    else this.end(invocation, 'Failed', 'Failed');
  }

  /** The first end counts. */
  private end(invocation: Invocation, status: InvocationStatus, details: string): void {
    if (isEnded(invocation)) return;
    invocation.endedAt = this.context.clock.now();
    // Thousands of them would otherwise stay on the clock long after their invocations.
    this.timeOuts.get(invocation)?.();
    this.timeOuts.delete(invocation);
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
