import { describe, expect, test } from 'vitest';
import { readSettings } from '../../shared/fleet/parameters.ts';
import type { Settings } from '../../shared/fleet/settings.ts';
import { mistakesOf, parameters, settingsOf, targetGroupArn } from './fixtures.ts';

test('fills in every default', () => {
  expect(settingsOf()).toEqual({
    targetGroupArn,
    allowedCidrs: ['172.31.0.0/24'],
    allowedDomains: 'any',
    domainsMode: 'enforce',
    privateDestinations: [],
    allowedPorts: [80, 443],
    port: 3128,
    probeUrl: null,
    extraDirectives: [],
    rollout: { canary: { count: 1 }, wave: { percent: 25 }, errors: { count: 0 }, soakSeconds: 0 },
    onRevoke: 'disconnect',
    allowAnySource: false,
    paused: false,
  } satisfies Settings);
});

type Accepted = [name: string, value: string, setting: keyof Settings, expected: unknown];
const accepted: Accepted[] = [
  ['target-group-arn', `${targetGroupArn}\n`, 'targetGroupArn', targetGroupArn],
  ['allowed-cidrs', '10.1.0.0/16', 'allowedCidrs', ['10.1.0.0/16']],
  [
    'allowed-cidrs',
    ' 10.3.0.0/16,\n10.1.0.0/16\t9.0.0.0/8,, ',
    'allowedCidrs',
    ['9.0.0.0/8', '10.1.0.0/16', '10.3.0.0/16'],
  ],
  ['allowed-cidrs', '10.1.2.3/32,10.1.2.3/32', 'allowedCidrs', ['10.1.2.3/32']],
  ['allowed-cidrs', '10.1.2.0/24,10.1.0.0/16', 'allowedCidrs', ['10.1.0.0/16']],
  ['allowed-cidrs', 'none', 'allowedCidrs', []],
  ['allowed-domains', 'any', 'allowedDomains', 'any'],
  ['allowed-domains', 'S3.Example.com, .Example.COM', 'allowedDomains', ['.example.com']],
  ['allowed-domains', 'b.org\na.org', 'allowedDomains', ['a.org', 'b.org']],
  ['domains-mode', 'report', 'domainsMode', 'report'],
  [
    'private-destinations',
    '10.2.0.0/16,10.1.0.0/16,fd00:1::/32',
    'privateDestinations',
    ['10.1.0.0/16', '10.2.0.0/16', 'fd00:1::/32'],
  ],
  ['private-destinations', '100.64.8.0/24', 'privateDestinations', ['100.64.8.0/24']],
  ['private-destinations', 'none', 'privateDestinations', []],
  ['allowed-ports', '8443, 443 443', 'allowedPorts', [443, 8443]],
  ['port', '8080', 'port', 8080],
  ['port', '443', 'port', 443],
  [
    'probe-url',
    'https://s3.ap-northeast-1.amazonaws.com:443/a-b_c/~d',
    'probeUrl',
    'https://s3.ap-northeast-1.amazonaws.com:443/a-b_c/~d',
  ],
  ['probe-url', 'none', 'probeUrl', null],
  [
    'extra-directives',
    '# slow\n\n  connect_timeout   5 seconds\r\n',
    'extraDirectives',
    ['connect_timeout 5 seconds'],
  ],
  ['extra-directives', 'none', 'extraDirectives', []],
  ['on-revoke', 'keep', 'onRevoke', 'keep'],
  ['allow-any-source', 'yes', 'allowAnySource', true],
  ['paused', 'yes', 'paused', true],
];
test.each(accepted)('takes %s as %j', (name, value, setting, expected) => {
  expect(settingsOf({ [name]: value })[setting]).toEqual(expected);
});

const cidrs = 'allowed-cidrs';
const domains = 'allowed-domains';
const destinations = 'private-destinations';
type Refused = [name: string, value: string, said: string];
const refused: Refused[] = [
  ['target-group-arn', 'demo', 'expected arn:aws:elasticloadbalancing'],
  ['target-group-arn', targetGroupArn.replace('targetgroup', 'loadbalancer/net'), 'no target group'],
  [cidrs, '10.1.2.3/8', 'the network it lies in is 10.0.0.0/8'],
  [cidrs, '10.1.2.3', 'write 10.1.2.3/32'],
  [cidrs, '10.0.0.0/33', 'from 0 to 32'],
  [cidrs, '10.0.0.0/08', 'from 0 to 32'],
  [cidrs, '10.0.0.0/', 'from 0 to 32'],
  [cidrs, '10.0.0.0/8/8', 'from 0 to 32'],
  [cidrs, '10.0.0.0/255.0.0.0', 'from 0 to 32'],
  [cidrs, '010.0.0.0/8', 'no network'],
  [cidrs, '10.1/16', 'no network'],
  [cidrs, '0x0a.0.0.0/8', 'no network'],
  [cidrs, '10.0.0.0-10.0.0.9', 'no network'],
  [cidrs, 'example.com/8', 'no network'],
  [cidrs, '10.0.0.0/8;10.2.0.0/16', 'from 0 to 32'],
  [cidrs, '"10.0.0.0/8"', 'without them'],
  [cidrs, '2001:db8::/32', 'since the balancer'],
  [cidrs, '::ffff:10.0.0.0/104', 'since the balancer'],
  [cidrs, 'fe80::%eth0/64', 'no network'],
  [cidrs, '0.0.0.0/0', 'allow-any-source=yes'],
  [cidrs, '0.0.0.0/1,128.0.0.0/1', 'allow-any-source=yes'],
  [cidrs, ', ,', 'holds no entry'],
  [cidrs, 'any', 'no network'],
  [domains, '*.example.com', 'expected .example.com'],
  [domains, 'https://example.com/path?x', 'expected example.com'],
  [domains, 'example.com:443', 'expected example.com'],
  [domains, 'example.com/', 'expected example.com'],
  [domains, 'example.com.', 'expected example.com'],
  [domains, '例え.jp', 'expected xn--r8jz45g.jp'],
  [domains, '10.0.0.1', 'no domain'],
  [domains, '[::1]', 'no domain'],
  [domains, '.', 'no domain'],
  [domains, 'a..b', 'no domain'],
  [domains, '-a.com', 'no domain'],
  [domains, `${'a'.repeat(64)}.com`, 'no domain'],
  [domains, '"/etc/passwd"', 'without them'],
  [domains, 'any, example.com', 'no domain'],
  [domains, 'none', 'no domain'],
  ['domains-mode', 'enforced', 'expected enforce or report'],
  [destinations, '8.8.8.0/24', 'is not private'],
  [destinations, '10.0.0.0/7', 'is not private'],
  [destinations, '169.254.169.254/32', 'never reached'],
  [destinations, 'fd00:ec2::254/128', 'never reached'],
  [destinations, '127.0.0.0/8', 'never reached'],
  [destinations, '10.0.1.0/8', 'host bits'],
  ['allowed-ports', '0', 'expected 1 to 65535'],
  ['allowed-ports', '65536', 'expected 1 to 65535'],
  ['allowed-ports', '8000-8100', 'expected 1 to 65535'],
  ['allowed-ports', '0443', 'expected 1 to 65535'],
  ['port', '22', 'from 1024 to 65535'],
  ['port', '3128,3129', 'from 1024 to 65535'],
  ['port', '70000', 'from 1024 to 65535'],
  ['probe-url', 's3.amazonaws.com', 'expected http:// or https://'],
  ['probe-url', 'https://a.b/?x=1', 'no query'],
  ['probe-url', 'https://a.b/$(id)', 'no query'],
  ['probe-url', 'https://a.b:99999/', 'expected http://'],
  ['probe-url', 'ftp://a.b/', 'expected http://'],
  ['on-revoke', 'drop', 'expected disconnect or keep'],
  ['allow-any-source', 'Yes', 'expected no or yes'],
  ['allow-any-source', 'true', 'expected no or yes'],
  ['paused', '"yes"', 'without quotes'],
];
test.each(refused)('refuses %s as %j', (name, value, said) => {
  const [first] = mistakesOf({ [name]: value });
  expect(first).toMatchObject({ parameter: name, version: name.length });
  expect(first?.problem).toContain(said);
});

describe('rollout', () => {
  test.each([
    ['canary=1,wave=25%,errors=0,soak=0', {}],
    ['soak=60 wave=2', { soakSeconds: 60, wave: { count: 2 } }],
    ['errors = 10%,', { errors: { percent: 10 } }],
    ['canary=100%\nerrors=3', { canary: { percent: 100 }, errors: { count: 3 } }],
  ])('takes %j', (value, expected) => {
    expect(settingsOf({ rollout: value }).rollout).toEqual({ ...settingsOf().rollout, ...expected });
  });
  test.each([
    ['canry=1', 'did you mean canary?'],
    ['canary', 'expected canary=VALUE'],
    ['wave=0', 'at least 1'],
    ['wave=0%', 'at least 1'],
    ['wave=101%', '1% to 100%'],
    ['wave=-1', '1% to 100%'],
    ['errors=1.5', '1% to 100%'],
    ['soak=5m', 'whole seconds'],
    ['soak=86401', 'whole seconds'],
    ['wave=1,wave=2', 'twice'],
    [',', 'holds no entry'],
  ])('refuses %j', (value, said) => {
    expect(mistakesOf({ rollout: value })[0]).toMatchObject({ problem: expect.stringContaining(said) });
  });
});

test.each([
  ['allowed-cidr', 'did you mean allowed-cidrs?'],
  ['Port', 'did you mean port?'],
  ['allow-cidrs/tokyo', 'did you mean allowed-cidrs/tokyo?'],
  ['allowed-cidrs/asia/tokyo', 'did you mean allowed-cidrs?'],
  ['port/tokyo', 'did you mean port?'],
  ['probe_url', 'did you mean probe-url?'],
  ['completely-different-thing', 'expected one of target-group-arn'],
])('suggests a known name for %s', (name, said) => {
  expect(mistakesOf({ [name]: '1' })).toEqual([
    { parameter: name, version: name.length, problem: expect.stringContaining(said) },
  ]);
});

test('says what is required and missing', () => {
  expect(readSettings([])).toEqual({
    mistakes: ['target-group-arn', 'allowed-cidrs'].map((parameter) => ({
      parameter,
      version: null,
      problem: `${parameter} is required and isn't there`,
    })),
  });
});

test('reports the mistakes of all parameters at once', () => {
  const found = mistakesOf({
    'allowed-cidrs/osaka': '10.0.0.0/99',
    'allowed-cidrs/tokyo': 'x y',
    port: '0',
    rollout: 'wave=0,soak=x',
    prot: '1',
  });
  expect(found.map(({ parameter }) => String(parameter)).sort()).toEqual([
    'allowed-cidrs/osaka',
    'allowed-cidrs/tokyo',
    'allowed-cidrs/tokyo',
    'port',
    'prot',
    'rollout',
    'rollout',
  ]);
});

test('counts the mistakes of a list that is wrong throughout', () => {
  const found = mistakesOf({ 'allowed-cidrs': Array.from({ length: 50 }, (_, i) => `x${i}`).join() });
  expect(found).toHaveLength(10);
  expect(found.at(-1)?.problem).toBe('41 more of its entries are wrong');
});

describe('parameters in parts', () => {
  test('merges the networks of all sites', () => {
    const settings = settingsOf({
      'allowed-cidrs': null,
      'allowed-cidrs/tokyo': '10.0.0.0/25',
      'allowed-cidrs/osaka-2': '10.0.0.128/25,10.9.0.0/16',
    });
    expect(settings.allowedCidrs).toEqual(['10.0.0.0/24', '10.9.0.0/16']);
  });
  test('merges the domains of all groups', () => {
    const settings = settingsOf({
      'allowed-domains/a': 'x.example.com',
      'allowed-domains/b': '.example.com',
    });
    expect(settings.allowedDomains).toEqual(['.example.com']);
  });
  test('refuses any beside lists of domains', () => {
    const [mistake] = mistakesOf({ 'allowed-domains': 'any', 'allowed-domains/a': 'example.com' });
    expect(mistake).toMatchObject({ parameter: 'allowed-domains', problem: expect.stringContaining('any') });
  });
  test('refuses sites that only together allow everyone', () => {
    const [mistake] = mistakesOf({ 'allowed-cidrs': '0.0.0.0/1', 'allowed-cidrs/rest': '128.0.0.0/1' });
    expect(mistake?.problem).toContain('The networks together allow every client');
  });
  test('names the site that allows everyone', () => {
    expect(mistakesOf({ 'allowed-cidrs/rest': '0.0.0.0/0' })).toMatchObject([
      { parameter: 'allowed-cidrs/rest' },
    ]);
  });
  test('takes every source when told so', () => {
    const settings = settingsOf({ 'allowed-cidrs': '0.0.0.0/0', 'allow-any-source': 'yes' });
    expect(settings.allowedCidrs).toEqual(['0.0.0.0/0']);
  });
});

test('names a config that is too large for a command', () => {
  const lists = (count: number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, list) => [
        `allowed-domains/${list}`,
        Array.from(
          { length: 100 },
          (_, i) =>
            `x${Math.sin(list * 100 + i)
              .toString(36)
              .slice(3, 12)}.com`,
        ).join(),
      ]),
    );
  expect(mistakesOf(lists(20))).toEqual([]);
  const [mistake] = mistakesOf(lists(60));
  expect(mistake).toMatchObject({ parameter: null, version: null });
  expect(mistake?.problem).toContain('32768 is the most');
});

test('keeps its parameters as they were given', () => {
  const given = Object.freeze(parameters({ 'allowed-cidrs': '10.1.0.0/16 10.0.0.0/16' }).map(Object.freeze));
  expect(readSettings(given as never)).toHaveProperty('settings');
});

test('refuses a probe that the fleet itself would refuse', () => {
  const probe = { 'probe-url': 'https://s3.ap-northeast-1.amazonaws.com' };
  const problems = (values: Record<string, string>) =>
    mistakesOf({ ...probe, ...values }).map(({ problem }) => problem);
  expect(problems({ 'allowed-domains': '.example.com' })).toEqual([
    expect.stringContaining('not in allowed-domains'),
  ]);
  expect(problems({ 'allowed-ports': '80' })).toEqual([expect.stringContaining('not in allowed-ports')]);
  expect(settingsOf({ ...probe, 'allowed-domains': '.amazonaws.com' }).probeUrl).not.toBeNull();
  expect(
    settingsOf({ ...probe, 'allowed-domains': '.example.com', 'domains-mode': 'report' }).probeUrl,
  ).not.toBeNull();
});
