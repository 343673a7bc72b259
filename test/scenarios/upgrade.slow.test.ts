import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { operatorParameters } from '../../region/pace.ts';
import type { HostCommand } from '../../region/ports.ts';
import { readDocument, substitute } from '../../region/services/documents.ts';
import { readTemplate, type Template } from '../../region/template.ts';
import { evaluate, type Scope } from '../../region/template-intrinsics.ts';
import { unzip } from '../../region/zip.ts';
import { nameOf } from '../../shared/fleet/squid-conf.ts';
import { createBundleSandboxes } from './bundles.ts';
import { type RolloutRegion, rolloutRegion } from './rollout-bed.ts';

/** The package that was deployed before and the one that is built here, both to the last byte, on virtual time. */

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'shoal-upgrade-'));
const before = packageOf('before', 'test/fixtures/package-before', 'operator.json');
const now = packageOf('now', '.serverless', 'cloudformation-template-update-stack.json');
const queueArn = 'arn:aws:sqs:ap-northeast-1:000000000000:shoal-dead-letters';
const wide = '172.31.0.0/24,172.31.9.0/24';
const wider = `${wide},172.31.10.0/24`;

type Package = ReturnType<typeof packageOf>;

let region: RolloutRegion;
/** Whose code a function that is created or changed gets. */
let installed: Package;
/** Commands that were taken of a package's functions: the package, and the parameters that they gave. */
let sent: [name: string, parameters: Record<string, string[]>][];
/** Commands that a host was given by the halves of two packages. */
let halves: string[];

function packageOf(name: string, directory: string, file: string) {
  const text = readFileSync(join(root, directory, file), 'utf8');
  for (const one of ['admit', 'drain', 'reconcile'])
    unzip(join(root, directory, `${one}.zip`), join(folder, name, `shoal-${one}`));
  const template = readTemplate(text);
  const content = evaluate(template.Resources.ApplyDocument?.Properties?.Content, {} as Scope);
  const json = typeof content === 'string' ? content : JSON.stringify(content);
  return { name, text, template, document: readDocument('shoal-apply', json, 1) };
}

beforeEach(async () => {
  installed = before;
  sent = [];
  halves = [];
  region = await rolloutRegion({
    capacity: 4,
    // What runs when the roles are those of before again is denied its last notice, as on AWS.
    denials: true,
    packaged: {
      operator: before.text,
      fleet: readFileSync(join(root, 'test/fixtures/package-before/fleet.yml'), 'utf8'),
      unpack: (_, name) => ({
        directory: join(folder, installed.name, name),
        size: 1,
        sha256: installed.name,
      }),
      sandboxes: (wire) =>
        createBundleSandboxes(wire, ({ directory }, { headers, body }) => {
          if (headers['x-amz-target'] !== 'AmazonSSM.SendCommand') return;
          const name = directory.includes(join(folder, before.name)) ? before.name : now.name;
          sent.push([name, JSON.parse(String(body)).Parameters]);
        }),
    },
  });
  const { launch } = region.hosts;
  region.hosts.launch = async (instance) => {
    const host = await launch(instance);
    return {
      ...host,
      run(command) {
        halves.push(...halfOf(command));
        return host.run(command);
      },
    };
  };
  region.put('demo', 'rollout', 'canary=1,wave=1,soak=5');
  await region.settled();
}, 60_000);
afterEach(() => region.close());
afterAll(() => rmSync(folder, { recursive: true }));

/** CloudFormation's own order is not ours to choose: the document may be changed long before the functions. */
function deployDocumentOf({ template }: Package) {
  const { Resources } = installed.template;
  const { ApplyDocument } = template.Resources as { ApplyDocument: Template['Resources'][string] };
  const half = { ...installed.template, Resources: { ...Resources, ApplyDocument } };
  region.applications.stacks.update('shoal', operatorParameters.fast, half);
}

function deploy(other: Package) {
  installed = other;
  region.applications.stacks.update('shoal', operatorParameters.fast, other.template);
  const there = [...(region.applications.stacks.stack('shoal')?.resources.keys() ?? [])];
  const { Resources } = other.template;
  const always = Object.keys(Resources).filter((name) => Resources[name]?.Condition === undefined);
  expect(there).toEqual(expect.arrayContaining(always));
  expect(there.filter((name) => !(name in Resources))).toEqual([]);
}

/** What of a command is of another package than the script that it was put into, or than its name says. */
function halfOf({ parameters, script }: HostCommand): string[] {
  const found: string[] = [];
  const senders = sent
    .filter(([, given]) => Object.entries(given).every(([key, [value]]) => parameters[key] === value))
    .map(([name]) => name);
  const scripts = [before, now].filter(({ document }) => substitute(document, parameters).script === script);
  if (!scripts.some(({ name }) => senders.includes(name)))
    found.push(
      `${senders.join(' or ')} sent it into the script of ${scripts.map(({ name }) => name).join()}`,
    );
  if (parameters.mode !== 'apply') return found;
  const file = gunzipSync(Buffer.from(parameters.file ?? '', 'base64')).toString();
  if (nameOf(file) !== parameters.sha256) found.push(`the file is not ${parameters.sha256}`);
  return found;
}

async function allOnLive(capacity: number) {
  const isDone = () => {
    const { rollout, live } = region.status() ?? {};
    const expected = region.letter(live?.sha256).repeat(capacity);
    return rollout === undefined && region.inService().length === capacity && region.running() === expected;
  };
  await region.until(`all ${capacity} on live`, isDone, 40 * 60_000);
  expect(await region.invoke({ fleet: 'demo', mode: 'status' })).toMatchObject({ well: true });
  const plan = await region.invoke({ fleet: 'demo', mode: 'plan' });
  expect(plan.text).toMatch(/^plan for demo: nothing to roll out/);
}

/** Longer, and the package of before gives an event up for its sweep to see to: it takes three tries, fast ones here. */
const gapSeconds = 1;

test('an upgrade and a downgrade in mid-rollout lose nothing', { timeout: 120_000 }, async () => {
  region.put('demo', 'allowed-cidrs', wide);
  await region.until('two have moved', () => region.running() === 'AABB');
  region.capacity(5);
  const coming = () => region.instances().find(({ lifecycle }) => lifecycle === 'Pending:Wait');
  await region.until('a launch waits', coming);
  const launched = coming()?.id;

  deployDocumentOf(now);
  await region.pass(gapSeconds);
  deploy(now);
  await allOnLive(5);
  expect(region.inService().map(({ id }) => id)).toContain(launched);
  expect(region.hosts.machines.size).toBe(5);

  region.put('demo', 'allowed-cidrs', wider);
  await region.until('the next edit is under way', () => region.status()?.rollout !== undefined);
  region.capacity(6);
  await region.until('another launch waits', coming);
  deployDocumentOf(before);
  await region.pass(gapSeconds);
  deploy(before);
  await allOnLive(6);
  expect(region.hosts.machines.size).toBe(6);

  expect(halves).toEqual([]);
  expect(region.applications.queues.messages(queueArn)).toEqual([]);
});
