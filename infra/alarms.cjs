/**
 * The operator's alarms: a row each. A description says what happened, what to do, and where the rest stands; the
 * rule `alarms` puts it on the topic, so no alarm has actions of its own. docs/operations.md has the metrics.
 */
const MINUTE = 60;

const FUNCTIONS = ['admit', 'drain', 'reconcile'];
/** Each has the dead-letter queue for what it can't deliver. */
const RULES = ['launch', 'terminate', 'parameters', 'sweep', 'spot', 'rebalance', 'notices', 'alarms'];

/** A metric of the operator over all of its fleets. */
const own = (name, statistic, seconds) => ({ namespace: 'Shoal', name, statistic, seconds });

const ofQueue = (prefix, name, statistic, seconds) => ({
  ...{ namespace: 'AWS/SQS', name, statistic, seconds },
  dimensions: { QueueName: `${prefix}-dead-letters` },
});

const ofFunction = (prefix, one, name) => ({
  ...{ namespace: 'AWS/Lambda', name, statistic: 'Sum', seconds: 5 * MINUTE },
  dimensions: { FunctionName: `${prefix}-${one}` },
});

const ofRule = (prefix, one, name) => ({
  ...{ namespace: 'AWS/Events', name, statistic: 'Sum', seconds: 5 * MINUTE },
  dimensions: { RuleName: `${prefix}-${one}` },
});

/** Of metrics that are mostly missing: CloudWatch adds up those that are there. An alarm takes ten at most. */
const sum = (names, metric) => ({
  expression: 'SUM(METRICS())',
  metrics: Object.fromEntries(names.map((name) => [name, metric(name)])),
});

const ALARMS = (prefix, shoal) => ({
  'dead-letters': {
    of: ofQueue(prefix, 'ApproximateNumberOfMessagesVisible', 'Maximum', MINUTE),
    says: 'Shoal could not deal with an event, and keeps it in the dead-letter queue.',
    do: `${shoal('dead-letters list')}.`,
  },
  // The alarm above goes off once, however many come while one lies there.
  'more-dead-letters': {
    of: {
      expression: 'IF(visible > sent, sent, 0)',
      metrics: {
        visible: ofQueue(prefix, 'ApproximateNumberOfMessagesVisible', 'Maximum', 5 * MINUTE),
        sent: ofQueue(prefix, 'NumberOfMessagesSent', 'Sum', 5 * MINUTE),
      },
    },
    says: 'Another event that Shoal could not deal with came to those in the dead-letter queue.',
    do: `${shoal('dead-letters list')}.`,
    anchor: 'dead-letters',
  },
  'lost-events': {
    of: sum(RULES, (name) => ofRule(prefix, name, 'InvocationsFailedToBeSentToDlq')),
    says: 'EventBridge could deliver an event neither to its target nor to the dead-letter queue: it is lost.',
    do: `aws cloudformation detect-stack-drift --stack-name ${prefix}, and deploy what was changed again.`,
  },
  'lost-records': {
    of: sum(FUNCTIONS, (name) => ofFunction(prefix, name, 'DestinationDeliveryFailures')),
    says: 'Lambda could not put an event that a function had failed on into the dead-letter queue: it is lost.',
    do: `aws cloudformation detect-stack-drift --stack-name ${prefix}, and deploy what was changed again.`,
    anchor: 'lost-events',
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
    do: `aws logs tail /aws/lambda/${prefix}-reconcile; where nothing runs, aws events enable-rule --name ${prefix}-sweep.`,
  },
  ...Object.fromEntries(
    FUNCTIONS.map((name) => [
      `throttles-${name}`,
      {
        of: ofFunction(prefix, name, 'Throttles'),
        times: [2, 2],
        says: `Lambda has refused to run ${prefix}-${name} for ten minutes.`,
        do: 'aws lambda get-account-settings; raise ConcurrentExecutions, or see what uses it up.',
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
    AlarmDescription: linked(`${row.says} Do: ${row.do} Runbook: `, prefix, runbooks, anchor ?? name),
    ...(of.expression
      ? ofSeveral(of)
      : { ...metricOf(prefix, of), Statistic: of.statistic, Period: of.seconds }),
    EvaluationPeriods: outOf,
    DatapointsToAlarm: fails,
    ComparisonOperator: below === undefined ? 'GreaterThanOrEqualToThreshold' : 'LessThanThreshold',
    Threshold: below ?? 1,
    TreatMissingData: missing ?? 'notBreaching',
  };
}

/** The page of the setting, else the dashboard, which ends with the runbook: a mail's link has to lead somewhere. */
function linked(text, prefix, runbooks, anchor) {
  if (runbooks !== '') return `${text}${runbooks}#${anchor}`;
  // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation puts its region in.
  const console = 'https://console.aws.amazon.com/cloudwatch/home?region=${AWS::Region}';
  return { 'Fn::Sub': `${text}${console}#dashboards/dashboard/${prefix}` };
}

function metricOf(prefix, { namespace, name, dimensions = { service: prefix } }) {
  return {
    Namespace: namespace,
    MetricName: name,
    Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
  };
}

function ofSeveral({ expression, metrics }) {
  const each = Object.entries(metrics).map(([Id, metric]) => ({
    Id,
    MetricStat: { Metric: metricOf('', metric), Stat: metric.statistic, Period: metric.seconds },
    ReturnData: false,
  }));
  return { Metrics: [{ Id: 'told', Expression: expression }, ...each] };
}
