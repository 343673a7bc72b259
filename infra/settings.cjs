/**
 * The operator's settings, as `--param NAME=VALUE` gives them; docs/deploy.md says what each is good for. What
 * is unknown or wrong is refused before anything is packaged, all of it at once.
 */
const LOG_LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR'];
const RETENTIONS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557,
].concat(
  [2922, 3288, 3653], // AWS::Logs::LogGroup takes no others.
);

/** Each with its default, and with what is expected of a value. */
const SETTINGS = {
  alarms: oneOf('on', ['on', 'off'], 'neither on nor off'),
  'kms-key-arn': matching('', /^arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]+$/, [
    'no ARN of a key',
    'arn:aws:kms:REGION:ACCOUNT:key/ID',
  ]),
  'log-level': oneOf('INFO', LOG_LEVELS, 'no log level'),
  'log-retention-days': oneOf('90', RETENTIONS.map(String), 'no retention that CloudWatch Logs has'),
  'notification-email': matching('', /^[^@\s,"<>]+@[^@\s,"<>]+\.[^@\s,"<>]+$/, [
    'no e-mail address',
    'one like operations@example.com',
  ]),
  'permissions-boundary-arn': matching('', /^arn:[a-z-]+:iam::(\d{12}|aws):policy\/[\w+=,.@/-]+$/, [
    'no ARN of a managed policy',
    'arn:aws:iam::ACCOUNT:policy/NAME',
  ]),
  'runbook-base-url': matching('', /^https:\/\/[^\s"<>#]+$/, [
    'no address of a page',
    'https://… without a # part',
  ]),
};

module.exports = async ({ options }) => {
  const given = new Map((options.param ?? []).map(splitAtEquals));
  const mistakes = [
    ...mistakeOfStage(options.stage),
    ...[...given].flatMap(([name, value]) => mistakeOf(name, value)),
  ];
  if (mistakes.length > 0) throw quiet(mistakes.join('\n'));
  const values = Object.fromEntries(
    Object.entries(SETTINGS).map(([name, { standard }]) => [name, given.get(name) ?? standard]),
  );
  return { ...values, 'log-retention-days': Number(values['log-retention-days']) };
};

/** A fleet's names hold the stage too, and `/shoal-state/` is where the stage `prod` keeps its own state. */
function mistakeOfStage(stage = 'prod') {
  if (/^[a-z0-9]{1,9}$/.test(stage) && stage !== 'state') return [];
  return [`stage ${stage}: expected one to nine lower-case letters and digits, and not "state"`];
}

function splitAtEquals(text) {
  const at = String(text).indexOf('=');
  return at < 0 ? [String(text), ''] : [text.slice(0, at), text.slice(at + 1).trim()];
}

function mistakeOf(name, value) {
  const setting = Object.hasOwn(SETTINGS, name) ? SETTINGS[name] : undefined;
  if (setting === undefined) {
    const near = nearest(name);
    const known = Object.keys(SETTINGS).join(', ');
    return [
      `param ${name}: there is no such setting; ${near ? `did you mean ${near}?` : `there are ${known}`}`,
    ];
  }
  const { accepts, isNot, expected } = setting;
  return accepts(value) ? [] : [`param ${name}: ${value || 'nothing'} is ${isNot}; expected ${expected}`];
}

function oneOf(standard, values, isNot) {
  const expected = `one of ${values.join(', ')}`;
  return { standard, isNot, expected, accepts: (value) => values.includes(value) };
}

function matching(standard, pattern, [isNot, expected]) {
  return { standard, isNot, expected, accepts: (value) => pattern.test(value) };
}

/** The setting that shares most of its pairs of letters with what was written, if that is more than half. */
function nearest(written) {
  const pairs = (text) =>
    new Set([...text.toLowerCase()].map((letter, at, all) => letter + (all[at + 1] ?? '')));
  const asked = pairs(written);
  const likeness = (name) => {
    const own = pairs(name);
    return [...own].filter((pair) => asked.has(pair)).length / Math.max(own.size, asked.size);
  };
  const [best] = Object.keys(SETTINGS).sort((a, b) => likeness(b) - likeness(a));
  return likeness(best) > 0.5 ? best : undefined;
}

/** osls prints an error's stack, which tells a person nothing here. */
function quiet(message) {
  return Object.assign(new Error(message), { stack: message });
}
