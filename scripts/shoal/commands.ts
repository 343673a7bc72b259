import type { PlanFacts } from '../../shared/control/plan-text.ts';
import type { FleetReport } from '../../shared/control/status.ts';
import { plain, plainJson } from '../../shared/fleet/plain.ts';
import { type Answer, follow } from './follow.ts';
import type { Operator } from './operator.ts';
import { agreed, type Choice, refuseWithoutAsking, screen } from './terminal.ts';

interface Command {
  options: Record<string, { type: 'string' | 'boolean'; multiple?: boolean }>;
  /** Resolves to the exit status: 0 well, 1 not. Rejects where that can't be told. */
  run(operator: Operator, fleet: string, choice: Choice): Promise<number>;
}

type Plan = PlanFacts & { text: string };

export const commands: Record<string, Command> = {
  status: {
    options: {},
    run: async (operator, fleet, choice) => {
      const report = await operator.ask<FleetReport>({ fleet, mode: 'status' });
      answer(report, choice);
      return report.well ? 0 : 1;
    },
  },
  plan: {
    options: { set: { type: 'string', multiple: true } },
    run: async (operator, fleet, choice) => {
      const set = Object.fromEntries((choice.set ?? []).map(readEdit));
      const plan = await operator.ask<Plan>({ fleet, mode: 'plan', ...(choice.set && { set }) });
      answer(plan, choice);
      return plan.mistakes.length + plan.refused.length === 0 ? 0 : 1;
    },
  },
  apply: {
    options: { force: { type: 'boolean' }, yes: { type: 'boolean' } },
    run: async (operator, fleet, choice) => {
      refuseWithoutAsking(choice);
      const plan = await operator.ask<Plan>({ fleet, mode: 'plan' });
      screen(choice).write(`${textOf(plan)}\n`);
      if (plan.mistakes.length > 0) return 1;
      const force = choice.force ? { force: true } : {};
      if (!(await agreed(choice, `Roll this out${choice.force ? ', guards lifted' : ''}?`))) return 1;
      const { report } = await carryOut(operator, { fleet, mode: 'apply', ...force }, choice);
      return report.well ? 0 : 1;
    },
  },
  rollback: {
    options: { to: { type: 'string' }, yes: { type: 'boolean' } },
    run: async (operator, fleet, choice) => {
      refuseWithoutAsking(choice);
      const { to } = choice;
      const before = await operator.ask<FleetReport>({ fleet, mode: 'status' });
      screen(choice).write(`${textOf(before)}\n`);
      const goal = to ?? (before.rollout === null ? 'what was live before' : 'what is live');
      screen(choice).write('What the parameters say counts as rejected then.\n');
      if (!(await agreed(choice, `Go back to ${goal}?`))) return 1;
      const order = { fleet, mode: 'rollback', ...(to !== undefined && { to }) };
      const { ended, report } = await carryOut(operator, order, choice);
      // What the parameters ask for is rejected then, and so not all is well by design.
      return report.serving && report.live?.sha256.startsWith(ended.to ?? to ?? '') ? 0 : 1;
    },
  },
};

async function carryOut(
  operator: Operator,
  order: { fleet: string; mode: string },
  choice: Choice,
): Promise<{ ended: Answer; report: FleetReport }> {
  const people = screen(choice);
  people.write('Ctrl-C ends the following, and not what is followed.\n');
  const { ended, report } = await follow(operator, order, people);
  if (!report.says.startsWith(ended.says)) people.write(`${plain(ended.says)}\n`);
  people.write('\n');
  answer(report, choice);
  return { ended, report };
}

function answer(report: { text: string }, { json }: Choice): void {
  const text = textOf(report);
  process.stdout.write(json ? `${plainJson(report, 2)}\n` : text);
}

function textOf({ text }: { text?: string }): string {
  if (text !== undefined) return text;
  throw new Error('the operator that is deployed is older than this command: npm run deploy');
}

function readEdit(edit: string): [string, string] {
  const at = edit.indexOf('=');
  if (at < 1) throw new Error(`--set ${edit}: expected NAME=VALUE`);
  return [edit.slice(0, at), edit.slice(at + 1)];
}
