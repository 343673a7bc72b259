import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderConfig } from '../../shared/fleet/squid-conf.ts';
import { addressNumber, settingsOf } from '../fleet/fixtures.ts';
import type { Question } from '../fleet/squid-bed.ts';
import { type Bed, openBed } from '../fleet/squid-bed-client.ts';

/** What a client can't reach through a real Squid, in whatever spelling. Something listens at every address. */

let bed: Bed;
const load = async (more: Record<string, string> = {}) => {
  const values = { 'allowed-cidrs': '10.1.0.0/16', 'private-destinations': '10.7.0.0/16', ...more };
  const { file, sha256 } = renderConfig(settingsOf({ 'allowed-ports': '80,443,3128', ...values }));
  await bed.request({ load: file, sha256 });
};
beforeAll(async () => {
  bed = openBed();
  await bed.request({ serve: [80, 443] });
  await load();
});
afterAll(() => bed.close());

/** Metadata, loopback, `this host`, the host's own two addresses, and private networks. */
const refused4 = [
  ...['169.254.169.254', '127.0.0.1', '127.8.9.10', '0.0.0.0', '203.0.113.5', '10.255.255.1'],
  ...['10.8.0.1', '172.16.0.1', '172.31.255.254', '192.168.0.1', '100.64.0.1', '169.254.170.2'],
];
const refused6 = [
  ...['fd00:ec2::254', '::1', '::', 'fd00:5::5', 'fd12::1', 'fc00::1', 'fe80::1', 'fec0::1', 'ff02::1'],
];

const hex = (address: string) => addressNumber(address).toString(16).padStart(8, '0');

/** As inet_aton, URL libraries and resolvers have been known to take an IPv4 address. */
function spellings4(address: string): string[] {
  const number = addressNumber(address);
  const parts = address.split('.').map(Number) as [number, number, number, number];
  const [a, b, c, d] = parts;
  const [high, low] = [hex(address).slice(0, 4), hex(address).slice(4)];
  const inside = [
    `::ffff:${address}`,
    `::ffff:${high}:${low}`,
    `0:0:0:0:0:FFFF:${high}:${low}`,
    `::${address}`,
  ];
  const carried = [`64:ff9b::${address}`, `64:ff9b::${high}:${low}`, `64:ff9b:1::${high}:${low}`];
  const tunnelled = [`2002:${high}:${low}::`, `2002:${high}:${low}::1`, `2001:0:${high}:${low}::`];
  const teredoClient = `2001:0:0:0:0:0:${[high, low].map((it) => (0xffff - Number.parseInt(it, 16)).toString(16)).join(':')}`;
  return [
    ...[address, `${address}.`, String(number), String(number + 2 ** 32), `0${number.toString(8)}`],
    ...[`0x${hex(address)}`, `0X${hex(address).toUpperCase()}`, `${a}.${b}.${c * 256 + d}`],
    ...[`${a}.${number % 2 ** 24}`, parts.map((it) => `0x${it.toString(16)}`).join('.')],
    ...[parts.map((it) => `0${it.toString(8)}`).join('.'), parts.map((it) => `00${it}`).join('.')],
    ...[`0x${a.toString(16)}.${b}.0${c.toString(8)}.${d}`, `${a}.${b}.${c}.${d + 256}`],
    ...[...inside, ...carried, ...tunnelled, teredoClient].map((it) => `[${it}]`),
    ...[encodeURIComponent(address).replace(/\d/g, (it) => `%3${it}`), address.replaceAll('.', '%2e')],
    ...[
      address.replaceAll('.', '\u3002'),
      address.replace(/\d/g, (it) => String.fromCharCode(0xff10 + Number(it))),
    ],
    ...[`www.example.com@${address}`, `www.example.com:80@${address}`, `${address}#@www.example.com`],
    ...[
      `v4-${hex(address)}`,
      `V4-${hex(address).toUpperCase()}`,
      `v4-${hex(address)}.`,
      `v6-${'0'.repeat(20)}ffff${hex(address)}`,
    ],
  ];
}

function spellings6(address: string): string[] {
  const [left = '', right = ''] = address.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const zeros = Array<string>(8 - groups(left).length - groups(right).length).fill('0');
  const all = [...groups(left), ...zeros, ...groups(right)].map((it) => it.padStart(4, '0'));
  const last = Number.parseInt(`${all[6]}${all[7]}`, 16);
  const dotted = [24, 16, 8, 0].map((shift) => Math.floor(last / 2 ** shift) % 256).join('.');
  return [
    ...[
      `[${address}]`,
      `[${all.join(':')}]`,
      `[${address.toUpperCase()}]`,
      `[${all.slice(0, 6).join(':')}:${dotted}]`,
    ],
    ...[`[${address}%25lo]`, `[${address}%lo]`, address, `v6-${all.join('')}`],
  ];
}

const spellings = [
  ...refused4.flatMap(spellings4),
  ...refused6.flatMap(spellings6),
  ...['localhost', 'LOCALHOST', 'localhost.', 'ip6-localhost', 'mixed.example.com'],
];
const from = '10.1.0.1';
/** To each of them: a GET, a CONNECT, and a request as to a server, whose Host alone says where to. */
const questions = spellings.flatMap((host): Question[] => [
  { from, url: `http://${host}/latest/meta-data/` },
  { from, url: `http://${host}:443/` },
  { from, url: `${host}:443`, method: 'CONNECT' },
  { from, url: host, raw: `GET /latest/meta-data/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n` },
  { from, url: host, raw: `CONNECT ${host}:443 HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n` },
]);

async function askAll(all: Question[]) {
  const answers: { question: Question; status: number }[] = [];
  const reached: string[] = [];
  for (let at = 0; at < all.length; at += 200) {
    const part = all.slice(at, at + 200);
    const { statuses = [], reached: found = [] } = await bed.request({ ask: part });
    reached.push(...found);
    answers.push(...part.map((question, index) => ({ question, status: statuses[index]! })));
  }
  return { answers, reached };
}

test('what is allowed is reached, so that something would be seen', async () => {
  const { answers, reached } = await askAll([
    { from, url: 'http://203.0.113.9/' },
    { from, url: '203.0.113.9:443', method: 'CONNECT' },
    { from, url: 'http://v4-cb007109/' },
    { from, url: 'http://10.7.0.1/' },
    { from, url: 'http://[2600:9000::1]/' },
  ]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(reached.map((address) => address.replace('::ffff:', '')).sort()).toEqual(
    ['10.7.0.1', '203.0.113.9', '203.0.113.9', '203.0.113.9', '2600:9000::1'].sort(),
  );
});

test('no spelling reaches metadata, loopback, the host or a private network', async () => {
  expect(new Set(spellings).size).toBeGreaterThan(300);
  const { answers, reached } = await askAll(questions);
  expect(reached).toEqual([]);
  const passed = answers.filter(({ status }) => status > 0 && status < 400);
  expect(passed).toEqual([]);
});

test('an address and a name that resolves to it are refused as such', async () => {
  const named = [
    ...refused4.flatMap((it) => [it, `v4-${hex(it)}`]),
    ...refused6.flatMap((it) => spellings6(it).filter((name) => /^(\[[0-9a-f:]+\]|v6-)/.test(name))),
  ];
  const { answers, reached } = await askAll(named.map((host) => ({ from, url: `http://${host}/` })));
  expect(answers.filter(({ status }) => status !== 403)).toEqual([]);
  expect(reached).toEqual([]);
});

test('a name whose address turns is judged by the address that is connected to', {
  timeout: 60_000,
}, async () => {
  await load({ 'extra-directives': 'positive_dns_ttl 1 second\nnegative_dns_ttl 1 second' });
  const names = refused4.map((it) => `http://turns-${hex(it)}/`);
  const seen = new Set<string>();
  for (let second = 0; second < 5; second++) {
    for (let again = 0; again < 4; again++) {
      const { reached } = await askAll(names.map((url) => ({ from, url })));
      for (const address of reached) seen.add(address.replace('::ffff:', ''));
    }
    await new Promise((resolve) => setTimeout(resolve, 700));
  }
  expect([...seen]).toEqual(['203.0.113.9']);
});
