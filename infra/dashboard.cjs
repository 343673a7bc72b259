const { readFileSync } = require('node:fs');
const { join } = require('node:path');

/**
 * The operator's dashboard: a row of charts a subject. What is per fleet is searched for, so that new fleets appear.
 * Below them stands what to do at each alarm, which is where the alarms' links lead.
 */
const ROWS = [
  [
    chart('Instances in service', perFleet('InService', 'Minimum')),
    chart('Healthy targets', perFleet('HealthyTargets', 'Minimum')),
    chart('Unwell hosts', perFleet('UnwellHosts', 'Maximum')),
  ],
  [
    chart('Admissions', perFleet('Admissions', 'Sum'), perFleet('AdmissionFailures', 'Sum', 'cause')),
    chart('Seconds to service', perFleet('AdmissionDuration', 'Average')),
    chart('Seconds of each phase', perFleet('PhaseDuration', 'Average', 'phase')),
  ],
  [
    chart('Launches held', perFleet('HeldLaunches', 'Maximum')),
    chart('Instances let go', perFleet('Drains', 'Sum')),
    chart('Seconds of draining', perFleet('DrainDuration', 'Average')),
  ],
  [
    chart(
      'Rollouts',
      perFleet('RolloutsStarted', 'Sum'),
      perFleet('RolloutsLive', 'Sum'),
      perFleet('RolloutsRejected', 'Sum'),
      perFleet('RolledBackByHand', 'Sum'),
    ),
    chart('Rejected configurations', perFleet('Rejected', 'Maximum')),
    chart('For a person to mend', perFleet('Problems', 'Maximum', 'problem')),
  ],
  [
    chart('Drifted hosts', perFleet('Drifted', 'Maximum')),
    chart('Repairs', perFleet('Drift', 'Sum')),
    chart('Sweeps', single('Shoal', 'Sweeps', 'Sum', 'service', '')),
  ],
  [
    chart('Errors', ...ofFunctions('Errors'), ...ofFunctions('DestinationDeliveryFailures')),
    chart('Throttles', ...ofFunctions('Throttles')),
    chart(
      'Dead letters',
      single('AWS/SQS', 'ApproximateNumberOfMessagesVisible', 'Maximum', 'QueueName', '-dead-letters'),
    ),
  ],
];

module.exports = async ({ resolveVariable }) => {
  const prefix = await resolveVariable('self:custom.prefix');
  const [width, height] = [8, 6];
  const widgets = ROWS.flatMap((row, down) =>
    row.map((draw, along) => ({
      ...{ type: 'metric', x: along * width, y: down * height, width, height },
      properties: draw(prefix),
    })),
  );
  widgets.push({
    ...{ type: 'text', x: 0, y: ROWS.length * height, width: 3 * width, height: 6 * height },
    properties: { markdown: runbook(prefix) },
  });
  const Dashboard = {
    Type: 'AWS::CloudWatch::Dashboard',
    Properties: { DashboardName: prefix, DashboardBody: { 'Fn::Sub': JSON.stringify({ widgets }) } },
  };
  return { Resources: { Dashboard } };
};

/** The last chapter of docs/operations.md, whose links to the others lead nowhere here; its names are those of `prod`. */
function runbook(prefix) {
  const page = readFileSync(join(__dirname, '../docs/operations.md'), 'utf8');
  return page
    .slice(page.indexOf('\n## Alarms\n') + 1)
    .replace(/\[([^\]]+)\]\([^)]+\)/g, '$1')
    .replace(/\bshoal-(?=[a-z])|(?<=--stack-name )shoal\b/g, (name) => name.replace('shoal', prefix));
}

/** Each line is a function of the stage's prefix. */
function chart(title, ...lines) {
  return (prefix) => ({
    title,
    view: 'timeSeries',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: CloudFormation puts its region in.
    region: '${AWS::Region}',
    period: 300,
    metrics: lines.map((line) => line(prefix)),
  });
}

function perFleet(name, statistic, more) {
  const dimensions = ['Shoal', 'service', 'fleet', ...(more ? [more] : [])].join(',');
  return (prefix) => [
    { expression: `SEARCH('{${dimensions}} MetricName="${name}" service="${prefix}"', '${statistic}', 300)` },
  ];
}

function single(namespace, name, stat, dimension, ending) {
  return (prefix) => [namespace, name, dimension, `${prefix}${ending}`, { stat }];
}

function ofFunctions(name) {
  return ['admit', 'drain', 'reconcile'].map((one) =>
    single('AWS/Lambda', name, 'Sum', 'FunctionName', `-${one}`),
  );
}
