import { expect, test } from 'vitest';
import { cutOff } from '../../shared/control/cut-off.ts';
import { settingsOf } from '../fleet/fixtures.ts';

const live = settingsOf({ 'allowed-cidrs': '10.0.0.0/16,172.16.0.0/24' });
const narrower = settingsOf({ 'allowed-cidrs': '10.0.0.0/25' });
const host = (instance: string, clients: string[], clientsTotal = clients.length) => ({
  instance,
  clients,
  clientsTotal,
});

test('names the clients whose network goes, and where they are connected', () => {
  const connected = [
    host('i-1', ['10.0.0.127', '10.0.0.128', '172.16.0.9']),
    host('i-2', ['172.16.0.10', '10.0.0.128', '10.0.0.1']),
  ];
  expect(cutOff(connected, live, narrower)).toEqual({
    clients: [
      { client: '10.0.0.128', instances: ['i-1', 'i-2'] },
      { client: '172.16.0.9', instances: ['i-1'] },
      { client: '172.16.0.10', instances: ['i-2'] },
    ],
    total: 3,
    unnamed: 0,
    tunnels: 'closed',
  });
});

test('leaves out who is refused already, of any version', () => {
  const connected = [host('i-1', ['192.168.0.1', 'fd00::1', '10.0.1.1'])];
  const { clients } = cutOff(connected, live, narrower);
  expect(clients.map(({ client }) => client)).toEqual(['10.0.1.1']);
});

test('counts everybody as allowed before there is a live configuration', () => {
  const { clients } = cutOff([host('i-1', ['192.168.0.1', '10.0.0.1'])], null, narrower);
  expect(clients).toEqual([{ client: '192.168.0.1', instances: ['i-1'] }]);
});

test('says how many clients no host named', () => {
  const connected = [host('i-1', ['10.0.0.1'], 41), host('i-2', ['10.0.9.9'], 3)];
  expect(cutOff(connected, live, narrower)).toMatchObject({ total: 1, unnamed: 42 });
});

test('names nobody when no network goes', () => {
  const wider = settingsOf({ 'allowed-cidrs': '10.0.0.0/8,172.16.0.0/24' });
  const connected = [host('i-1', ['10.0.0.1', '192.168.0.1'], 50)];
  expect(cutOff(connected, live, wider)).toMatchObject({ clients: [], total: 0, unnamed: 0 });
});

test('says that tunnels go on where that is wished', () => {
  const kept = settingsOf({ 'allowed-cidrs': '10.0.0.0/25', 'on-revoke': 'keep' });
  expect(cutOff([host('i-1', ['10.0.1.1'])], live, kept)).toMatchObject({ total: 1, tunnels: 'kept' });
});

test('lists the hundred that are connected most, and counts the others', () => {
  const many = Array.from({ length: 150 }, (_, index) => `10.0.1.${index}`);
  const connected = [host('i-1', many), host('i-2', ['10.0.1.149'])];
  const { clients, total } = cutOff(connected, live, narrower);
  expect([clients.length, clients[0]?.client, clients.at(-1)?.client, total]).toEqual([
    100,
    '10.0.1.149',
    '10.0.1.98',
    150,
  ]);
});
