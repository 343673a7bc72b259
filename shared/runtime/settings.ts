import * as v from 'valibot';
import { limits } from './limits.ts';

const seconds = (standard: string) =>
  v.optional(
    v.pipe(
      v.string(),
      v.regex(/^[0-9]{1,5}(\.[0-9]{1,3})?$/, 'expected a number of seconds'),
      v.transform((text) => Number(text) * 1000),
    ),
    standard,
  );

const Environment = v.object({
  SHOAL_PREFIX: v.optional(v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,30}$/)), 'shoal'),
  SHOAL_DOCUMENT: v.optional(v.string(), 'shoal-apply'),
  SHOAL_DEBOUNCE_SECONDS: seconds('3'),
  SHOAL_ASK_SECONDS: seconds('300'),
  SHOAL_SWEEP_SECONDS: seconds('60'),
  SHOAL_BALANCER_LAG_SECONDS: seconds('120'),
  SHOAL_POLL_SECONDS: seconds('10'),
});

export interface RuntimeSettings {
  prefix: string;
  document: string;
  debounceMs: number;
  askMs: number;
  lagMs: number;
  pollMs: number;
  sweepMs: number;
}

/** Reads the deploy-time settings; one that makes no sense stops the function with its name. */
export function readRuntimeSettings(environment: Record<string, string | undefined>): RuntimeSettings {
  const parsed = v.safeParse(Environment, environment);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new Error(`environment variable ${v.getDotPath(issue)}: ${issue.message}`);
  }
  const data = parsed.output;
  const smallest = limits.agentBudgetSeconds + limits.commandExecutionSeconds + limits.healthyBudgetSeconds;
  if (smallest > limits.launchBudgetSeconds)
    throw new Error(`the launch budget is shorter than agent, apply and health together (${smallest} s)`);
  return {
    prefix: data.SHOAL_PREFIX,
    document: data.SHOAL_DOCUMENT,
    debounceMs: data.SHOAL_DEBOUNCE_SECONDS,
    askMs: data.SHOAL_ASK_SECONDS,
    lagMs: data.SHOAL_BALANCER_LAG_SECONDS,
    pollMs: data.SHOAL_POLL_SECONDS,
    sweepMs: data.SHOAL_SWEEP_SECONDS,
  };
}
