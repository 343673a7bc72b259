import { expect, test } from 'vitest';
import type { Parameters, StoredParameter } from '../../shared/aws/parameters.ts';
import { stateStore } from '../../shared/control/state.ts';
import { config, edited, good, onLive } from '../decisions/worlds.ts';

const path = '/shoal-state/demo/';

/** Parameter Store in a map, with what others do between our calls. */
function store(between: (put: (value: string) => void) => void = () => {}) {
  const versions = new Map<string, string[]>();
  const write = (name: string, value: string) => {
    const all = versions.get(name) ?? [];
    all.push(value);
    versions.set(name, all);
    return all.length;
  };
  const found = (name: string, version?: number): StoredParameter | null => {
    const all = versions.get(name) ?? [];
    const value = all.at(version === undefined ? -1 : version - 1);
    return value === undefined ? null : { name, value, version: version ?? all.length, modifiedAt: 0 };
  };
  const parameters: Parameters = {
    below: async (prefix) =>
      [...versions.keys()]
        .filter((name) => name.startsWith(prefix))
        .map((name) => ({ ...(found(name) as StoredParameter), name: name.slice(prefix.length) })),
    get: async (selector) => {
      const [name = '', version] = selector.split(':');
      return found(name, version === undefined ? undefined : Number(version));
    },
    named: async (names) => names.flatMap((name) => found(name) ?? []),
    history: async (name) =>
      (versions.get(name) ?? []).map((value, at) => ({ name, value, version: at + 1, modifiedAt: 0 })),
    delete: async (names) => {
      for (const name of names) versions.delete(name);
    },
    create: async (name, value) => (versions.has(name) ? null : write(name, value)),
    put: async (name, value) => {
      between((theirs) => write(name, theirs));
      return write(name, value);
    },
  };
  return { parameters, versions, state: stateStore(parameters, path) };
}

const origin = (...changes: number[]) => ({
  build: 1,
  parameters: Object.fromEntries(changes.map((at, index) => [`p${index}`, at])),
});
const rejected = { ...onLive, rejected: { sha256: 'x', settings: 'y', instance: 'i-1', reason: 'z', at: 1 } };

test('creates the first status, and only one of two does', async () => {
  const { state } = store();
  expect(await state.writeStatus(onLive, 0)).toBe(true);
  expect(await state.writeStatus(onLive, 0)).toBe(false);
  expect(await state.status()).toEqual({ status: onLive, version: 1, lease: null });
});

test('what somebody else decided in between stays in force', async () => {
  let writes = 0;
  const { state } = store((put) => {
    if (++writes === 2) put(JSON.stringify(rejected));
  });
  await state.writeStatus(onLive, 0);
  expect(await state.writeStatus(onLive, 1)).toBe(true);
  expect(await state.writeStatus(onLive, 2)).toBe(false);
  expect((await state.status()).status).toEqual(rejected);
});

test('the newest of two others stays in force', async () => {
  let writes = 0;
  const { state } = store((put) => {
    writes++;
    if (writes === 1) put(JSON.stringify({ ...onLive, epoch: 7 }));
    if (writes === 2) put(JSON.stringify(rejected));
  });
  await state.writeStatus(onLive, 0);
  expect(await state.writeStatus(onLive, 1)).toBe(false);
  expect((await state.status()).status).toEqual(rejected);
});

test('a config comes back as it was stored', async () => {
  const { state, versions } = store();
  await state.storeConfig(good, origin(1));
  await state.storeConfig(edited, origin(2));
  expect(await state.config(good.sha256)).toEqual({ ...good, origin: origin(1) });
  expect(await state.config(edited.sha256)).toEqual({ ...edited, origin: origin(2) });
  for (const [value] of versions.values()) expect(value?.length).toBeLessThanOrEqual(4096);
});

test('a config that was half written is whole after the next try', async () => {
  const many = Array.from(
    { length: 1_200 },
    (_, at) => `10.${at % 200}.${Math.floor(at / 200) * 37}.0/${24 + (at % 5)}`,
  );
  const large = config(
    many.slice(0, 160).join(','),
    Object.fromEntries(many.slice(160).map((value, at) => [`allowed-cidrs/s${at}`, value])),
  );
  const { state, versions } = store();
  await state.storeConfig(large, origin(1));
  const parts = [...versions.keys()];
  expect(parts.length).toBeGreaterThan(1);
  versions.delete(parts.at(-1) as string);
  expect(await state.config(large.sha256)).toBeNull();
  await state.storeConfig(large, origin(2, 3));
  expect(await state.config(large.sha256)).toEqual({ ...large, origin: origin(2, 3) });
});

test('a config under another name than its own is none', async () => {
  const { state, parameters, versions } = store();
  await state.storeConfig(good, origin());
  const [stored] = versions.get(`${path}config/${good.sha256}/0`) ?? [];
  await parameters.put(`${path}config/${edited.sha256}/0`, stored as string);
  expect(await state.config(edited.sha256)).toBeNull();
});

test('a status that is none is an error, not an empty one', async () => {
  const { state, parameters } = store();
  await parameters.put(`${path}status`, '{"epoch":"soon"}');
  await expect(state.status()).rejects.toThrow(/stored status is not one/);
});

test('the last five lives are kept for going back, others go when a day old', async () => {
  const { state, versions } = store();
  const configs = Array.from({ length: 8 }, (_, at) => config(`10.${at}.0.0/16`));
  let version = 0;
  for (const [at, { sha256 }] of configs.entries()) {
    await state.storeConfig(configs[at]!, origin());
    if (at > 0) await state.writeStatus({ epoch: 1, live: { sha256, since: at } }, version++);
  }
  const kept = () => configs.filter(({ sha256 }) => versions.has(`${path}config/${sha256}/0`));
  expect(await state.lives()).toEqual(
    configs
      .slice(1)
      .map(({ sha256 }) => sha256)
      .reverse(),
  );
  const last = { epoch: 1, live: { sha256: configs[7]!.sha256, since: 7 } };
  await state.prune(last, 86_400_000);
  expect(kept()).toEqual(configs);
  await state.prune(last, 86_400_001);
  expect(kept()).toEqual(configs.slice(3));
});

test('a lease is found until it is given back', async () => {
  const { state } = store();
  const lease = { holder: 'a run', sha256: good.sha256, until: 7 };
  await state.lease(lease);
  expect((await state.status()).lease).toEqual(lease);
  await state.lease(null);
  expect((await state.status()).lease).toBeNull();
});
