import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { extraDirectives } from '../../shared/fleet/extra-directives.ts';
import { renderConfig } from '../../shared/fleet/squid-conf.ts';
import { addressNumber, addressText, naivelyAllows, settingsOf } from './fixtures.ts';
import { type Bed, openBed } from './squid-bed-client.ts';
import { variants } from './variants.ts';

let bed: Bed;
beforeAll(() => {
  bed = openBed();
});
afterAll(() => bed.close());

const load = async (values: Record<string, string | null>) => {
  const { file, sha256 } = renderConfig(settingsOf(values));
  await bed.request({ load: file, sha256 });
};
const ask = async (requests: { from: string; url: string; method?: string }[]) =>
  (await bed.request({ ask: requests })).statuses!;
const danger = /ignored|ignoring|subnetwork|error|empty acl|bungled|fatal/i;

describe('squid -k parse', () => {
  test.each(Object.keys(variants))('takes the golden file of %s without a warning', async (name) => {
    const golden = readFileSync(new URL(`golden/${name}.conf`, import.meta.url), 'utf8');
    const { code, output } = await bed.request({ parse: golden });
    expect(output).not.toMatch(danger);
    expect(code).toBe(0);
  });

  test('warns of what the renderer keeps out', async () => {
    const { file } = renderConfig(settingsOf({ 'allowed-cidrs': '10.1.0.0/16' }));
    const overlap = file.replace('acl web_port', 'acl allowed_src src 10.0.0.0/8\nacl web_port');
    expect((await bed.request({ parse: overlap })).output).toMatch(danger);
  });

  test('takes every directive in the shape that parameters allow', async () => {
    const times = ['connect', 'forward', 'read', 'request', 'pconn', 'client_idle_pconn', 'dns'].map(
      (name, index) => `${name}_timeout ${index + 1} ${['seconds', 'minute', 'hours', 'weeks'][index % 4]}`,
    );
    const lines = [
      ...times,
      'client_lifetime 2 days',
      'positive_dns_ttl 6 hours',
      'negative_dns_ttl 1 second',
      'dns_retransmit_interval 500 milliseconds',
      'shutdown_lifetime 0 seconds',
      'half_closed_clients off',
      'dns_nameservers 10.0.0.2 fd00::2',
      'max_filedescriptors 1000',
      'request_header_max_size 499 KB',
      'reply_header_max_size 64 KB',
      'visible_hostname a-b.example.com',
      'logformat mine %ts.%03tu [%tl] %>a %{User-Agent}>h # %ru',
      'access_log stdio:/var/log/squid/mine.log mine',
    ];
    expect(extraDirectives(lines.join('\n'), expect.fail)).toHaveLength(lines.length);
    const { file } = renderConfig(settingsOf({ 'extra-directives': lines.join('\n') }));
    const { code, output } = await bed.request({ parse: file });
    expect(output).not.toMatch(danger);
    expect(code).toBe(0);
  });
});

const someWhere = 'http://203.0.113.9/';

/** Networks of all sizes that touch, overlap and contain each other, as separate sites would write them. */
const network = fc
  .tuple(fc.integer({ min: 0, max: 2 ** 24 - 1 }), fc.integer({ min: 9, max: 32 }), fc.boolean())
  .map(([offset, prefix, crowded]) => {
    const size = 2 ** (32 - prefix);
    const within = crowded ? offset % 4096 : offset;
    return `${addressText(Math.floor((addressNumber('10.0.0.0') + within) / size) * size)}/${prefix}`;
  });
const lists = fc.array(network, { minLength: 1, maxLength: 24, size: 'max' });

/** Where mistakes show: both edges of each network, inside and outside. */
function edges(list: string[]): string[] {
  const found = list.flatMap((one) => {
    const [base = '', prefix] = one.split('/');
    const first = addressNumber(base);
    const end = first + 2 ** (32 - Number(prefix));
    return [first - 1, first, end - 1, end].map(addressText);
  });
  return [...new Set(found)].filter((address) => naivelyAllows(['10.0.0.0/8'], address));
}

test('lets in exactly the clients that hundreds of lists name', { timeout: 120_000 }, async () => {
  let asked = 0;
  for (const list of fc.sample(lists, { numRuns: 200, seed: 3 })) {
    await load({ 'allowed-cidrs': list.join(',') });
    const clients = edges(list);
    const statuses = await ask(clients.map((from) => ({ from, url: someWhere })));
    const letIn = clients.filter((_, index) => statuses[index] !== 403);
    expect(letIn, list.join()).toEqual(clients.filter((client) => naivelyAllows(list, client)));
    expect(statuses.filter((status) => status !== 403 && status !== 503)).toEqual([]);
    asked += clients.length;
  }
  expect(asked).toBeGreaterThan(5000);
});

describe('destinations', () => {
  const from = '10.1.0.1';
  const statusOf = async (url: string, method = 'GET') => (await ask([{ from, url, method }]))[0];

  test('refuses hosts that allowed-domains lacks', async () => {
    await load({
      'allowed-cidrs': '10.1.0.0/16',
      'allowed-domains': '.example.com',
      'private-destinations': '10.7.0.0/16',
    });
    expect(await statusOf('http://www.example.com/')).toBe(503);
    expect(await statusOf('http://example.com/')).toBe(503);
    expect(await statusOf('http://WWW.Example.COM./')).toBe(503);
    expect(await statusOf('www.example.com:443', 'CONNECT')).toBe(503);
    expect(await statusOf('http://notexample.com/')).toBe(403);
    expect(await statusOf('other.org:443', 'CONNECT')).toBe(403);
    expect(await statusOf(someWhere)).toBe(403);
  });

  test('passes them in mode report and says so in the log', async () => {
    await load({
      'allowed-cidrs': '10.1.0.0/16',
      'allowed-domains': '.example.com',
      'domains-mode': 'report',
    });
    expect(await statusOf('http://www.example.com/kept')).toBe(503);
    expect(await statusOf('http://other.org/passed')).toBe(503);
    expect(await statusOf('other.org:443', 'CONNECT')).toBe(503);
    expect(await statusOf('http://169.254.169.254/refused')).toBe(403);
    // Squid answers first and logs then, each of its workers for itself.
    const lines = await vi.waitFor(async () => {
      const log = await bed.request({ log: '/var/log/squid/access.log' });
      const text = log.lines!.join('\n');
      for (const each of ['/kept', '/passed', '/503 0 CONNECT other.org:443', '/refused'])
        expect(text).toContain(each);
      return log.lines!;
    }, 10_000);
    const noteOf = (text: string) =>
      lines
        .findLast((line) => line.includes(text))
        ?.split(' ')
        .at(-1);
    expect(noteOf('/kept')).toBe('-');
    expect(noteOf('/passed')).toBe('allowed-domains');
    expect(noteOf('CONNECT other.org:443')).toBe('allowed-domains');
    expect(noteOf('/refused')).toBe('always');
  });

  test('logs who was refused what by which rule', async () => {
    await load({ 'allowed-cidrs': '10.1.0.0/16', 'allowed-domains': '.example.com' });
    const asked = [
      { from, url: 'http://www.example.com/served', rule: '-' },
      { from: '10.2.0.1', url: 'http://www.example.com/stranger', rule: 'allowed-cidrs' },
      { from, url: 'www.example.com:22', method: 'CONNECT', rule: 'allowed-ports' },
      { from, url: 'http://www.example.com:22/port', rule: 'allowed-ports' },
      { from, url: 'http://127.0.0.1/loopback', rule: 'always' },
      { from, url: 'http://203.0.113.5/host', rule: 'always' },
      { from, url: 'http://10.7.0.1/private', rule: 'private-destinations' },
      { from, url: 'http://other.org/domain', rule: 'allowed-domains' },
      { from, url: 'http://shoal:3128/squid-internal-mgr/menu', rule: 'always' },
    ];
    await ask(asked);
    const lines = await vi.waitFor(async () => {
      const log = (await bed.request({ log: '/var/log/squid/access.log' })).lines!;
      for (const { url } of asked) expect(log.join('\n')).toContain(` ${url} `);
      return log;
    }, 10_000);
    for (const { from: client, url, method = 'GET', rule } of asked) {
      const fields = lines
        .findLast((line) => line.includes(` ${url} `))!
        .split(' ')
        .filter(Boolean);
      const [, , address, result, , verb] = fields;
      const served = rule === '-';
      expect([address, verb, result?.startsWith('TCP_DENIED/403'), fields.at(-1)], url).toEqual([
        client,
        method,
        !served,
        rule,
      ]);
    }
  });

  test('refuses loopback, metadata, the host and other private networks', async () => {
    await load({
      'allowed-cidrs': '10.1.0.0/16',
      'private-destinations': '10.7.0.0/16',
      'allowed-ports': '80,443,3128',
    });
    const hosts = [
      '127.0.0.1',
      '169.254.169.254',
      '2852039166',
      '0xa9fea9fe',
      '169.254.43518',
      '0.0.0.0',
      '[::1]',
    ];
    hosts.push(
      '[::ffff:a9fe:a9fe]',
      '[::a9fe:a9fe]',
      '[64:ff9b::a9fe:a9fe]',
      '[fd00:ec2::254]',
      '[2002:a9fe:a9fe::]',
    );
    hosts.push(
      '203.0.113.5',
      '[fd00:5::5]',
      '10.8.0.1',
      '172.16.0.1',
      '192.168.0.1',
      '100.64.0.1',
      '[fd12::1]',
      'localhost',
    );
    const statuses = await ask(hosts.map((host) => ({ from, url: `http://${host}:80/` })));
    expect(hosts.filter((_, index) => statuses[index] !== 403)).toEqual([]);
    expect(await statusOf('http://10.7.0.1/')).toBe(503);
    expect(await statusOf('http://203.0.113.6/')).toBe(503);
  });

  test('refuses a name of which only one address is allowed', async () => {
    await load({ 'allowed-cidrs': '10.1.0.0/16', 'private-destinations': '10.7.0.0/16' });
    expect(await statusOf('http://mixed.example.com/')).toBe(403);
  });

  test('opens the allowed ports, and CONNECT to all but 80', async () => {
    await load({ 'allowed-cidrs': '10.1.0.0/16', 'allowed-ports': '80,8443' });
    expect(await statusOf('http://203.0.113.9:8443/')).toBe(503);
    expect(await statusOf('http://203.0.113.9:443/')).toBe(403);
    expect(await statusOf('203.0.113.9:8443', 'CONNECT')).toBe(503);
    expect(await statusOf('203.0.113.9:80', 'CONNECT')).toBe(403);
  });

  test('lets every IPv4 client in, and no IPv6 one, when any source is allowed', async () => {
    await load(variants['any-source']!);
    const clients = ['10.200.0.1', '203.0.113.77', 'fd00:9::1'];
    expect(await ask(clients.map((client) => ({ from: client, url: someWhere })))).toEqual([503, 503, 403]);
  });

  test('lets no client in when there is no network left', async () => {
    await load({ 'allowed-cidrs': 'none' });
    expect(
      await ask([
        { from, url: someWhere },
        { from: '127.0.0.1', url: someWhere },
      ]),
    ).toEqual([403, 503]);
  });

  test("keeps the generation and Squid's manager to the host", async () => {
    await load({ 'allowed-cidrs': '10.1.0.0/16' });
    expect(await statusOf('http://config-generation.invalid/')).toBe(503);
    expect(await statusOf('http://shoal:3128/squid-internal-mgr/info')).toBe(403);
  });
});
