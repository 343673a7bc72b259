import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readSettings } from '../../shared/fleet/parameters.ts';
import { renderConfig } from '../../shared/fleet/squid-conf.ts';
import { mistakesOf, parameters, settingsOf } from './fixtures.ts';

const read = (value: string) => settingsOf({ 'extra-directives': value }).extraDirectives;
const firstProblem = (value: string) => mistakesOf({ 'extra-directives': value })[0]?.problem;

test('puts formats before the logs that use them', () => {
  const value = 'access_log stdio:/var/log/squid/a.log mine\nlogformat mine %ts %>a';
  expect(read(value)).toEqual(['logformat mine %ts %>a', 'access_log stdio:/var/log/squid/a.log mine']);
});

describe('refuses', () => {
  test.each([
    ['acl allowed_src src 0.0.0.0/1', 'expected one of connect_timeout'],
    ['follow_x_forwarded_for allow all', 'expected one of connect_timeout'],
    ['http_access allow all', 'expected one of connect_timeout'],
    ['include /etc/passwd', 'expected one of connect_timeout'],
    ['constructor 1', "isn't taken"],
    ['conect_timeout 5 seconds', 'expected connect_timeout'],
    ['CONNECT_TIMEOUT 5 seconds', 'expected connect_timeout'],
    ['connect_timeout', 'like 30 seconds'],
    ['connect_timeout 5', 'like 30 seconds'],
    ['connect_timeout 5 seconds,', 'like 30 seconds'],
    ['connect_timeout 0 seconds', 'like 30 seconds'],
    ['connect_timeout 5 seconds # slow', 'like 30 seconds'],
    ['half_closed_clients yes', 'expected on or off'],
    ['dns_nameservers 10.0.0.2,10.0.0.3', 'like 10.0.0.2'],
    ['dns_nameservers 10.0.0.999', 'like 10.0.0.2'],
    ['max_filedescriptors 10', 'from 1000'],
    ['reply_header_max_size 64', 'like 64 KB'],
    ['request_header_max_size 512 KB', 'up to 499 KB'],
    ['visible_hostname a b', 'a host name'],
    ['visible_hostname "/etc/passwd"', 'has a quote'],
    ['connect_timeout 5 seconds\\', 'a backslash'],
    ['logformat mine %ts \\', 'a backslash'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Squid's own macro.
    ['logformat mine %ts ${process_number}', 'a name and a format'],
    ['logformat shoal %ts', 'another name'],
    ['logformat squid %ts', 'another name'],
    ['logformat mine %ts\nlogformat mine %tu', 'twice'],
    ['dns_timeout 5 seconds\ndns_timeout 6 seconds', 'twice'],
    ['access_log /var/log/squid/a.log', 'stdio:/ABSOLUTE/PATH'],
    ['access_log daemon:/var/log/squid/a.log', 'stdio:/ABSOLUTE/PATH'],
    ['access_log stdio:relative.log', 'stdio:/ABSOLUTE/PATH'],
    ['access_log stdio:/var/../etc/x', 'stdio:/ABSOLUTE/PATH'],
    ['access_log stdio:/var/log/a.log squid localhost', 'stdio:/ABSOLUTE/PATH'],
    ['access_log stdio:/var/log/a.log nowhere', 'no known format'],
    ['access_log none', 'stdio:/ABSOLUTE/PATH'],
  ])('%j', (value, said) => {
    expect(firstProblem(value)).toContain(said);
  });
});

/** Text that tries: breaks of every kind, quotes, continuations, comments, directives. */
const hostile = fc
  .array(
    fc.constantFrom(
      ...[
        '\n',
        '\r',
        '\r\n',
        '\u2028',
        '\u0085',
        '\0',
        '\v',
        '\f',
        '\t',
        '"',
        "'",
        '\\',
        '\\\n',
        '#',
        ' ',
        ',',
        '/',
      ],
      ...[
        'http_access allow all',
        'acl allowed_src src all',
        '10.0.0.0/8',
        '.example.com',
        'x',
        '%>a',
        '443',
        '=',
      ],
      ...[
        'connect_timeout 5 seconds',
        'logformat mine %ts',
        'access_log stdio:/x',
        'https://a.b/',
        'canary=1',
      ],
    ),
    { maxLength: 8 },
  )
  .map((pieces) => pieces.join(''));

test('lets no value add a line of its own making', () => {
  const names = [
    'allowed-cidrs',
    'allowed-domains',
    'allowed-ports',
    'probe-url',
    'extra-directives',
    'rollout',
  ];
  const allowed =
    /^(#.*|workers 2|server_persistent_connections off|(http_port|acl|deny_info|cache|cache_mem|forwarded_for|pinger_enable|logfile_rotate|max_filedescriptors|dns_timeout|shutdown_lifetime|visible_hostname|logformat|access_log|connect_timeout) .*|)$/;
  const rules = renderConfig(settingsOf())
    .file.split('\n')
    .filter((line) => line.startsWith('http_access'));
  let taken = 0;
  fc.assert(
    fc.property(fc.constantFrom(...names), hostile, (name, value) => {
      const result = readSettings(parameters({ [name]: value }));
      if ('mistakes' in result) return;
      taken++;
      const lines = renderConfig(result.settings).file.split('\n');
      const acls = lines.filter((line) =>
        /^acl (?!allowed_src|allowed_dst|web_port|tls_port|refused_|generation|by_\w+ annotate_transaction rule=[a-z-]+$)/.test(
          line,
        ),
      );
      const added = lines.filter((line) => line.startsWith('http_access') && !rules.includes(line));
      expect(acls).toEqual([]);
      expect(
        added.filter(
          (line) => !/^http_access deny (CONNECT|!allowed_dst|!localhost) by_allowed_\w+$/.test(line),
        ),
      ).toEqual([]);
      for (const line of lines.filter((text) => !text.startsWith('http_access')))
        expect(line).toMatch(allowed);
      expect(lines.join('').match(/"/g)).toHaveLength(2);
      expect(lines.filter((line) => line.endsWith('\\') || /[^ -~]/.test(line))).toEqual([]);
    }),
    { numRuns: 5000 },
  );
  // A property that nothing reaches proves nothing.
  expect(taken).toBeGreaterThan(100);
});
