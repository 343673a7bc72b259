import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { createNamespaceHosts, enterHost } from '../../region/hosts/namespaces.ts';
import { createNetwork, type Network } from '../../region/network/network.ts';
import type { Host, RunResult } from '../../region/ports.ts';
import type { Settings } from '../../shared/fleet/settings.ts';
import { encodeConfig, renderConfig } from '../../shared/fleet/squid-conf.ts';
import { type DocumentParameters, document } from '../../shared/host/document.ts';
import { type HostReport, parseReport } from '../../shared/host/report.ts';

const script = readFileSync(fileURLToPath(new URL('../../shared/host/apply.sh', import.meta.url)), 'utf8');

/** Answers over HTTP and, with the region's own certificate, over TLS. */
export const probeUrl = 'https://s3.ap-northeast-1.amazonaws.com/';
export const onPremises = '172.31.0.0/24';

/** A squid.conf and its name. */
export interface File {
  sha256: string;
  file: string;
}

/** Real hosts on a network of their own, a host a test. */
export interface Bed {
  network: Network;
  launch(): Promise<TestHost>;
  close(): Promise<void>;
}

export async function openBed(): Promise<Bed> {
  const network = await createNetwork(mkdtempSync(join(tmpdir(), 'shoal-host-')));
  const hosts = createNamespaceHosts(network);
  let launched = 0;
  return {
    network,
    launch: async () =>
      testHost(network, await hosts.launch({ instanceId: `i-${++launched}`, zone: 'ap-northeast-1a' })),
    close: () => network.close(),
  };
}

/** A host that serves this file, after `prepare`. */
export async function launchServing(
  bed: Bed,
  file: File,
  prepare: (host: TestHost) => Promise<void> = async () => {},
  parameters: Partial<DocumentParameters> = {},
): Promise<TestHost> {
  const host = await bed.launch();
  await prepare(host);
  expect(await host.apply(file, parameters)).toMatchObject({ outcome: 'proven', running: file.sha256 });
  return host;
}

export type TestHost = ReturnType<typeof testHost>;

function testHost(network: Network, host: Host) {
  /** Runs a command in the host, as root; rejects when it fails. */
  const shell = async (command: string): Promise<string> => {
    const [program, ...args] = [...enterHost(network.directory, host.instanceId), 'bash', '-c', command];
    return (await promisify(execFile)(program!, args, { cwd: '/' })).stdout.trim();
  };
  const run = (parameters: Partial<DocumentParameters>, timeoutMs = 120_000): Promise<RunResult> =>
    host.run({ documentName: 'shoal-apply', parameters: {}, script: substituted(parameters), timeoutMs });
  const report = async (parameters: Partial<DocumentParameters>): Promise<HostReport> => {
    const result = await run(parameters);
    expect(result).toMatchObject({ exitCode: 0, stderr: '' });
    expect(result.stdout).toMatch(/^[ -~]{2,1899}\n$/);
    const parsed = parseReport(result.stdout);
    if (typeof parsed === 'string') throw new Error(parsed);
    return parsed;
  };
  let version = 0;
  return {
    address: host.address,
    instanceId: host.instanceId,
    shell,
    run,
    report,
    /** Applies a file with a higher intent than the one before. */
    apply: ({ sha256, file }: File, parameters: Partial<DocumentParameters> = {}): Promise<HostReport> =>
      report({ mode: 'apply', file: encodeConfig(file), sha256, intent: `1.${++version}.0`, ...parameters }),
    /** The generations that the workers answer with on port 3128, or why nothing does. */
    serves: (port = 3128): Promise<string[]> => served(shell, port),
    /** Kills Squid as a fault of its own would: at once, all of its processes. */
    kill: () => shell('kill -9 $(pgrep -x squid); while pgrep -x squid; do sleep 0.01; done'),
    /** The next squid that is called with these arguments runs the command instead, once. */
    instead: (args: string, command: string) =>
      shell(`cat >/usr/local/sbin/squid <<'END'
#!/bin/bash
[[ " $* " == *' ${args} '* ]] || exec /usr/sbin/squid "$@"
rm /usr/local/sbin/squid
${command}
exec /usr/sbin/squid "$@"
END
chmod 755 /usr/local/sbin/squid`),
    openTunnel: (from = '127.0.0.1') => openTunnel(shell, from, host.address),
    squidPid: () => shell('cat /run/squid.pid'),
  };
}

/** A TLS connection to the endpoint through the proxy, from one of the host's own addresses. */
async function openTunnel(shell: (command: string) => Promise<string>, from: string, address: string) {
  const proxy = from === '127.0.0.1' ? from : address;
  const directory = await shell('mktemp -d');
  await shell(`cd ${directory} && mkfifo in && { setsid openssl s_client -quiet -bind ${from} -proxy ${proxy}:3128 \
    -connect s3.ap-northeast-1.amazonaws.com:443 <in >out 2>/dev/null & } && { setsid sleep 60 >in 2>/dev/null & }
    until ss -Htn state established 'dport = :3128 and src ${from}' | grep -q . && sleep 0.3; do sleep 0.02; done`);
  return {
    /** Whether a request through the tunnel, which has been open since, is answered. */
    stillAnswers: async (): Promise<boolean> => {
      const ask = `printf 'GET / HTTP/1.1\r\nHost: s3.ap-northeast-1.amazonaws.com\r\nConnection: close\r\n\r\n' >in`;
      const answer = await shell(
        `cd ${directory}; timeout 2 bash -c "${ask.replaceAll('"', '\\"')}"; sleep 0.3; head -c 15 out`,
      );
      return answer.startsWith('HTTP/1.1');
    },
  };
}

/** What a request through the port gets: the generations of a dozen connections, and an object of the endpoint. */
async function served(shell: (command: string) => Promise<string>, port: number): Promise<string[]> {
  const proxy = `-x http://127.0.0.1:${port} --max-time 3`;
  // A program for each of a dozen connections would cost more than Squid's answers.
  const marker = `curl -s -o /dev/null -w '%{redirect_url}\\n' -H 'Connection: close' ${proxy} \
    'http://config-generation.invalid/#[1-12]' | sort -u`;
  const answers = await shell(marker);
  const status = await shell(`curl -sk -o /dev/null -w '%{http_code}' ${proxy} ${probeUrl} || true`);
  if (status !== '200') return [`no answer through port ${port}: ${status}`];
  return [...new Set([...answers.matchAll(/sha256-([0-9a-f]{64})/g)].map((match) => match[1]!))];
}

/** The document's script after the agent's substitution, with what the API would refuse refused. */
function substituted(given: Partial<DocumentParameters>): string {
  const { parameters, mainSteps } = document(script) as {
    parameters: Record<string, { allowedPattern: string; default?: string }>;
    mainSteps: [{ inputs: { runCommand: string[] } }];
  };
  const values: Record<string, string | undefined> = { ...given };
  return mainSteps[0].inputs.runCommand.join('\n').replace(/\{\{ (\w+) \}\}/g, (_, name: string) => {
    const value = values[name] ?? parameters[name]?.default;
    if (value === undefined || !new RegExp(parameters[name]!.allowedPattern).test(value))
      throw new Error(`the document refuses ${name}=${value}`);
    return value;
  });
}

/** A squid.conf as the operator renders it. */
export function config(changes: Partial<Settings> = {}): File {
  return renderConfig({
    targetGroupArn:
      'arn:aws:elasticloadbalancing:ap-northeast-1:000000000000:targetgroup/demo/0123456789abcdef',
    allowedCidrs: [onPremises],
    allowedDomains: 'any',
    domainsMode: 'enforce',
    privateDestinations: [],
    allowedPorts: [80, 443],
    port: 3128,
    probeUrl,
    extraDirectives: [],
    rollout: { canary: { count: 1 }, wave: { percent: 25 }, errors: { count: 0 }, soakSeconds: 0 },
    onRevoke: 'disconnect',
    allowAnySource: false,
    paused: false,
    ...changes,
  });
}

/** The same with its text edited, under the name that the edited text has. */
export function edited(original: File, edit: (file: string) => string): File {
  const name = /sha256-[0-9a-f]{64}-w/;
  const unnamed = edit(original.file).replace(name, `sha256-${'0'.repeat(64)}-w`);
  const sha256 = createHash('sha256').update(unnamed).digest('hex');
  return { sha256, file: unnamed.replace(name, `sha256-${sha256}-w`) };
}

/** Parses and passes the trial, where the number of the process is 0. */
export function killsFirstWorker(file: File): File {
  const fatal = `if \${process_number} = 1\naccess_log stdio:/nowhere/access.log\nendif\n# shoal end\n`;
  return edited(file, (text) => text.replace('# shoal end\n', fatal));
}
