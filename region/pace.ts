/**
 * How slow AWS is. `fast` keeps every order of events and every state but shortens the waits; `real` has
 * AWS's own. It is the only difference between a demo and a rehearsal at true speed.
 */
export interface Pace {
  /** Capacity change → the new instance's launch; termination decided → its hook fires. */
  scaleMs: number;
  /** Instance running → its SSM agent is online. */
  agentOnlineMs: number;
  /** Command sent → the agent has picked it up. */
  deliveryMs: number;
  /** Least time in `initial` before a target may turn healthy. */
  initialMs: number;
  /** Health check interval; undefined takes the target group's own. */
  healthCheckIntervalMs: number | undefined;
  /** Consecutive successes for `healthy` at registration; undefined takes the group's own. */
  initialChecks: number | undefined;
  healthCheckTimeoutMs: number;
  /** Least time in `draining`; the group's deregistration delay counts when it is longer. */
  drainingMs: number;
  /** New connections may still reach a target for this long after it was deregistered. */
  balancerLagMs: number;
  /** Wait before an instance that failed to launch is replaced; doubles with each failure in a row. */
  launchBackOffMs: number;
  launchBackOffMaxMs: number;
  /** A zone is down → its instances fail EC2's status checks, by which Auto Scaling replaces them. */
  impairedMs: number;
  /** An EventBridge `rate(…)` schedule's period; undefined takes the rule's own. */
  scheduleTickMs: number | undefined;
}

/** The stack parameters that make the operator as fast as the region; `real` takes the template's defaults. */
export const operatorParameters: Record<'fast' | 'real', Record<string, string>> = {
  fast: {
    DebounceSeconds: '1',
    AskSeconds: '20',
    SweepSeconds: '5',
    BalancerLagSeconds: '2',
    PollSeconds: '0.1',
  },
  real: {},
};

export const fast: Pace = {
  scaleMs: 100,
  agentOnlineMs: 1_000,
  deliveryMs: 20,
  initialMs: 1_000,
  healthCheckIntervalMs: 500,
  initialChecks: 2,
  healthCheckTimeoutMs: 1_000,
  drainingMs: 2_000,
  balancerLagMs: 1_000,
  launchBackOffMs: 1_000,
  launchBackOffMaxMs: 30_000,
  impairedMs: 5_000,
  scheduleTickMs: 5_000,
};

export const real: Pace = {
  scaleMs: 5_000,
  agentOnlineMs: 40_000,
  deliveryMs: 500,
  initialMs: 90_000,
  healthCheckIntervalMs: undefined,
  initialChecks: undefined,
  healthCheckTimeoutMs: 10_000,
  drainingMs: 0,
  balancerLagMs: 60_000,
  launchBackOffMs: 15_000,
  launchBackOffMaxMs: 900_000,
  impairedMs: 180_000,
  scheduleTickMs: undefined,
};
