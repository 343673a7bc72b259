/** Every cap and budget of the operator, with its unit in its name. Hitting one is reported, never silent. */
export const limits = {
  pagesMax: 200,
  /** SendCommand takes 50 instance ids (AWS). */
  commandInstancesMax: 50,
  /** Until the agent has taken the command; 30 is AWS's minimum. */
  commandDeliverySeconds: 30,
  /** The document's own execution time-out. */
  commandExecutionSeconds: 120,
  /** A standard parameter's value (AWS). */
  parameterBytesMax: 4096,
  /** GetParameters takes 10 names (AWS). */
  parametersMax: 10,
  /** DescribeInstanceInformation takes 50 ids a filter (AWS). */
  agentInstancesMax: 50,
  /** RegisterTargets and DeregisterTargets, in batches of a size the service is known to take. */
  targetsMax: 100,
  /** Waiting instances of one fleet from which on an event's handler leaves them to the sweep. */
  stormInstances: 3,
  /** The agent answers within this time of the launch, or a new machine is tried. */
  agentBudgetSeconds: 600,
  /** From registration to `healthy`, or a new machine is tried while others are healthy. */
  healthyBudgetSeconds: 900,
  /** A launch as a whole, counted from the scaling activity's start. */
  launchBudgetSeconds: 2400,
  /** Reads older than this are read again before anything is decided upon them. */
  freshSeconds: 5,
  /** A held launch or a failed host is tried again after this time. */
  retrySeconds: 15,
  /** What a function keeps back of its own time, to stop cleanly. */
  stopMarginSeconds: 10,
  /** Iterations of one run; a loop that decides the same action for ever stops here. */
  iterationsMax: 10_000,
} as const;
