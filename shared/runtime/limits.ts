/** Every cap and budget of the operator, with its unit in its name. Hitting one is reported, never silent. */
export const limits = {
  functionMemoryMegabytes: 256,
  /** Lambda's longest (AWS). */
  functionTimeoutSeconds: 900,
  /** Of a failed event, after one minute and after two: the sweep would find its work too, but says less of why. */
  eventRetriesMax: 2,
  /** By then sweeps have done a throttled event's work sixty times over, so its function gives it up. */
  eventAgeSeconds: 3600,
  pagesMax: 200,
  /** Pages of 100 scaling activities that are searched for the start of an instance. */
  activityPagesMax: 10,
  /** SendCommand takes 50 instance ids (AWS). */
  commandInstancesMax: 50,
  /** Until the agent has taken the command; 30 is AWS's minimum. */
  commandDeliverySeconds: 30,
  /** The document's own execution time-out. */
  commandExecutionSeconds: 120,
  /** A standard parameter's value (AWS). */
  parameterBytesMax: 4096,
  /** GetParameters and DeleteParameters take ten names (AWS). */
  parametersMax: 10,
  /** Others' writes of `status` between two of ours, one after another. */
  conflictsMax: 20,
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
  /** From a spot interruption's warning until EC2 takes the machine (AWS). */
  spotNoticeSeconds: 120,
  /** A launch as a whole, counted from the scaling activity's start. */
  launchBudgetSeconds: 2400,
  /** What is given up because its launch's time is spent has been sent commands for so long. */
  fairTrySeconds: 300,
  /** One in service that can't be reached for so long holds no rollout up any more. */
  outOfReachSeconds: 600,
  /** Configs that were live, kept for going back. */
  livesKept: 5,
  /** Other stored configs go when they are as old as this. */
  configKeptSeconds: 86_400,
  /** Reads older than this are read again before anything is decided upon them. */
  freshSeconds: 5,
  /** A held launch or a failed host is tried again after this time. */
  retrySeconds: 15,
  /** What a function keeps back of its own time, to stop cleanly. */
  stopMarginSeconds: 10,
  /** Looks of one run that led to an action; a loop that never comes to rest stops here, loudly. */
  actsMax: 2_000,
  /** Throttled tries of one call: some four to five minutes of waiting. */
  throttledTriesMax: 20,
  throttledWaitMs: 1_000,
  /** Tries of a call that failed on its way, or in AWS. */
  transientTriesMax: 8,
  transientWaitMs: 100,
  retryWaitMsMax: 20_000,
  /** Calls of one client under way at a time. */
  callsAtOnceMax: 5,
  /** PutEvents takes ten entries (AWS). */
  noticesMax: 10,
  noticeTriesMax: 2,
  noticeTimeoutSeconds: 2,
  connectionTimeoutSeconds: 3,
  requestTimeoutSeconds: 20,
} as const;
