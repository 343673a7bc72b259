/**
 * The operator's alarms: a row each. A description says what happened, what to do, and where the rest stands; the
 * rule `alarms` puts it on the topic, so no alarm has actions of its own. docs/operations.md has the metrics.
 */
const MINUTE = 60;

/** A metric of the operator over all of its fleets. */
const own = (name, statistic, seconds) => ({ namespace: 'Shoal', name, statistic, seconds });

const ALARMS = (prefix, shoal) => ({
  'dead-letters': {
    of: {
      namespace: 'AWS/SQS',
      name: 'ApproximateNumberOfMessagesVisible',
      dimensions: { QueueName: `${prefix}-dead-letters` },
      statistic: 'Maximum',
      seconds: MINUTE,
    },
    says: 'Shoal could not deal with an event, and keeps it in the dead-letter queue.',
    do: `${shoal('dead-letters list')}.`,
  },
  'failed-admissions': {
    of: own('AdmissionFailures', 'Sum', 5 * MINUTE),
    says: 'A new instance was given up and is being replaced.',
    do: `${shoal('status FLEET')}, and look for the cause if it goes on.`,
  },
  'held-launches': {
    of: own('HeldLaunches', 'Maximum', MINUTE),
    times: [3, 5],
    says: 'Instances wait to enter service for something that no other machine would cure.',
    do: `${shoal('status FLEET')}, and mend what it names.`,
  },
  'rejected-configuration': {
    of: own('Rejected', 'Maximum', 5 * MINUTE),
    says: 'The parameters of a fleet are broken, or what they ask for was rejected; its hosts stay on what was live.',
    do: `${shoal('status FLEET')}, and mend the parameter.`,
  },
  'drift-not-repaired': {
    of: own('Drifted', 'Maximum', 5 * MINUTE),
    times: [3, 3],
    says: 'Hosts have not run what they should for 15 minutes.',
    do: `${shoal('status FLEET')}, and find out who changes these hosts.`,
  },
  'sick-or-unhealthy-hosts': {
    of: own('UnwellHosts', 'Maximum', MINUTE),
    times: [3, 5],
    says: 'Hosts in service are sick, unhealthy at the balancer, or their agents are offline.',
    do: `${shoal('status FLEET')}, and terminate an instance that does not recover.`,
  },
  'no-sweep': {
    of: own('Sweeps', 'Sum', MINUTE),
    times: [5, 5],
    below: 1,
    missing: 'breaching',
    says: 'Shoal has not looked at its fleets for five minutes; proxies go on serving.',
    do: `look at the rule ${prefix}-sweep and the log of ${prefix}-reconcile.`,
  },
  ...Object.fromEntries(
    ['admit', 'drain', 'reconcile'].map((name) => [
      `throttles-${name}`,
      {
        of: {
          namespace: 'AWS/Lambda',
          name: 'Throttles',
          dimensions: { FunctionName: `${prefix}-${name}` },
          statistic: 'Sum',
          seconds: 5 * MINUTE,
        },
        times: [2, 2],
        says: `Lambda has refused to run ${prefix}-${name} for ten minutes.`,
        do: "raise the account's concurrency, or see what uses it up.",
        anchor: 'throttles',
      },
    ]),
  ),
  'other-document': {
    of: own('OtherDocument', 'Maximum', 5 * MINUTE),
    times: [3, 3],
    says: "For 15 minutes no host has taken a command, since the command document is another build's.",
    do: `${shoal('status FLEET')}; where it names the document, deploy Shoal again.`,
  },
});

module.exports = async ({ resolveVariable }) => {
  const prefix = await resolveVariable('self:custom.prefix');
  const stage = await resolveVariable('sls:stage');
  const shoal = (words) => `npm run shoal -- ${words}${stage === 'prod' ? '' : ` --stage ${stage}`}`;
  const runbooks = await resolveVariable('self:custom.settings.runbook-base-url');
  const resources = Object.entries(ALARMS(prefix, shoal)).map(([name, row]) => [
    `${name
      .split('-')
      .map((word) => word[0].toUpperCase() + word.slice(1))
      .join('')}Alarm`,
    {
      Type: 'AWS::CloudWatch::Alarm',
      Condition: 'HasAlarms',
      Properties: alarm(prefix, runbooks, name, row),
    },
  ]);
  return { Resources: Object.fromEntries(resources) };
};

function alarm(
  prefix,
  runbooks,
  name,
  { of, times: [fails, outOf] = [1, 1], below, missing, anchor, ...row },
) {
  return {
    AlarmName: `${prefix}/${name}`,
    AlarmDescription: `${row.says} Do: ${row.do} Runbook: ${runbooks}#${anchor ?? name}`,
    Namespace: of.namespace,
    MetricName: of.name,
    Dimensions: Object.entries(of.dimensions ?? { service: prefix }).map(([Name, Value]) => ({
      Name,
      Value,
    })),
    Statistic: of.statistic,
    Period: of.seconds,
    EvaluationPeriods: outOf,
    DatapointsToAlarm: fails,
    ComparisonOperator: below === undefined ? 'GreaterThanOrEqualToThreshold' : 'LessThanThreshold',
    Threshold: below ?? 1,
    TreatMissingData: missing ?? 'notBreaching',
  };
}
