import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { planText } from '../../shared/control/plan-text.ts';
import { readSettings } from '../../shared/fleet/parameters.ts';
import { encodeConfig, renderConfig } from '../../shared/fleet/squid-conf.ts';
import { document, toNote } from '../../shared/host/document.ts';
import { parameters } from '../fleet/fixtures.ts';
import { hostile, obeyed, spoilt } from './hostile.ts';

/** What somebody who may write a fleet's parameters can and can't bring about. */

const good: Record<string, string> = {
  'target-group-arn':
    'arn:aws:elasticloadbalancing:ap-northeast-1:000000000000:targetgroup/demo/0123456789abcdef',
  'allowed-cidrs': '172.31.0.0/24,10.0.0.0/8',
  'allowed-cidrs/tokyo': '192.168.4.0/24',
  'allowed-domains': '.example.com s3.amazonaws.com',
  'domains-mode': 'report',
  'private-destinations': '10.7.0.0/16',
  'allowed-ports': '80,443,8443',
  port: '3128',
  'probe-url': 'https://example.com/a/b',
  'extra-directives':
    'connect_timeout 5 seconds\nlogformat own %ts %>a %{User-Agent}>h\naccess_log stdio:/var/log/squid/own.log own',
  rollout: 'canary=1,wave=25%,errors=0,soak=0',
  'on-revoke': 'keep',
  'allow-any-source': 'no',
  paused: 'no',
};

const network = String.raw`[0-9a-f.:]+/\d+`;
const asciiWord = String.raw`[!#-&(-\[\]-_a-~]+`;
/** Every line that the parameters can bring into squid.conf. All others are constants of the renderer. */
const filled = [
  /^http_port \d+ tcpkeepalive=60,30,3$/,
  /^deny_info 302:http:\/\/config-generation\.invalid\/sha256-[0-9a-f]{64}-w\$\{process_number\} generation$/,
  new RegExp(`^acl (allowed_src src|refused_private dst) ${network}$`),
  /^acl (web|tls)_port port \d+( \d+)*$/,
  /^acl allowed_dst dstdomain -n [a-z0-9._-]+$/,
  /^# Registered with: arn:aws:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:targetgroup\/[A-Za-z0-9/-]+$/,
  /^# Proven through: (no probe-url|https?:\/\/[A-Za-z0-9.:/_~-]+)$/,
  /^(connect_timeout|visible_hostname|max_filedescriptors) [A-Za-z0-9.: -]+$/,
  new RegExp(`^logformat own( ${asciiWord})+$`),
  /^access_log stdio:\/[A-Za-z0-9._/-]+ [A-Za-z0-9_]+$/,
];
const constant = new Set(
  readFileSync(new URL('../fleet/golden/domains-reported.conf', import.meta.url), 'utf8')
    .concat(readFileSync(new URL('../fleet/golden/domains-enforced.conf', import.meta.url), 'utf8'))
    .split('\n')
    .filter((line) => !filled.some((form) => form.test(line))),
);

const names = Object.keys(good);
const oneSpoilt = fc
  .constantFrom(...names)
  .chain((name) => spoilt(good[name] ?? '').map((value) => ({ ...good, [name]: value })));

test('no parameter brings a line of its own into squid.conf', () => {
  let taken = 0;
  fc.assert(
    fc.property(oneSpoilt, (values) => {
      const read = readSettings(parameters(values));
      if ('mistakes' in read) return;
      taken++;
      const { file } = renderConfig(read.settings);
      expect(file).toMatch(/^[\n -~]*$/);
      const own = file.split('\n').filter((line) => !constant.has(line));
      expect(own.filter((line) => !filled.some((form) => form.test(line)))).toEqual([]);
    }),
    { numRuns: 2_000, seed: 7 },
  );
  expect(taken).toBeGreaterThan(200);
});

test('no parameter opens what the rules deny', () => {
  fc.assert(
    fc.property(oneSpoilt, (values) => {
      const read = readSettings(parameters(values));
      if ('mistakes' in read) return;
      const lines = renderConfig(read.settings).file.split('\n');
      const rules = lines.filter((line) => line.startsWith('http_access '));
      const allows = rules.filter((line) => line.startsWith('http_access allow'));
      expect(allows).toEqual([
        'http_access allow localhost manager',
        'http_access allow localhost',
        'http_access allow allowed_src',
      ]);
      const firstOpen = rules.indexOf('http_access allow localhost');
      for (const always of ['refused_always', 'refused_host', 'refused_private'])
        expect(
          rules.slice(0, firstOpen).some((rule) => rule.startsWith(`http_access deny ${always} by_`)),
        ).toBe(true);
      for (const network of ['169.254.0.0/16', '127.0.0.0/8', '0.0.0.0/8', '::/96', 'fd00:ec2::/32'])
        expect(lines).toContain(`acl refused_always dst ${network}`);
    }),
    { numRuns: 500, seed: 8 },
  );
});

test('a mistake shows a value without obeying it', () => {
  fc.assert(
    fc.property(oneSpoilt, (values) => {
      const read = readSettings(parameters(values));
      if (!('mistakes' in read)) return;
      for (const { problem } of read.mistakes) expect([problem, obeyed(problem)]).toEqual([problem, []]);
    }),
    { numRuns: 2_000, seed: 9 },
  );
});

test('a plan of an edit shows it without obeying it', () => {
  fc.assert(
    fc.property(oneSpoilt, hostile, (set, word) => {
      const read = readSettings(parameters(set));
      const text = planText(
        {
          ...{ fleet: 'demo', says: word, set: { ...set, [word]: word }, refused: [word], waves: [] },
          mistakes: 'mistakes' in read ? read.mistakes : [],
          cutOff: { clients: [], total: 0, unnamed: 0, tunnels: 'closed' },
          instances: [{ instance: word, step: word, reason: word }],
          differs: [{ instance: word, lines: [word] }],
          diff: `--- a\n+++ b\n+${word}`,
        },
        'shoal',
      );
      expect(obeyed(text.replaceAll('\n', ''))).toEqual([]);
    }),
    { numRuns: 500, seed: 10 },
  );
});

test('what is taken fits the document, whatever it is and whyever it is sent', () => {
  const { parameters: patterns } = document('') as {
    parameters: Record<string, { allowedPattern: string; maxChars?: number }>;
  };
  const fits = (name: string, value: string) => {
    const { allowedPattern, maxChars = 4_096 } = patterns[name]!;
    return new RegExp(allowedPattern).test(value) && value.length <= maxChars;
  };
  fc.assert(
    fc.property(oneSpoilt, hostile, (values, reason) => {
      expect(fits('note', toNote(reason))).toBe(true);
      const read = readSettings(parameters(values));
      if ('mistakes' in read) return;
      const { file, sha256, settings } = renderConfig(read.settings);
      expect(fits('file', encodeConfig(file))).toBe(true);
      expect(fits('sha256', sha256)).toBe(true);
      expect(fits('port', String(settings.port))).toBe(true);
      expect(fits('probeUrl', settings.probeUrl ?? '')).toBe(true);
      expect(fits('revoke', settings.onRevoke)).toBe(true);
    }),
    { numRuns: 500, seed: 11 },
  );
});
