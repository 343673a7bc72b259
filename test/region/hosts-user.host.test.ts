import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';

/**
 * A region of somebody who isn't root. The user exists in a mount namespace alone, which has its own
 * /etc/passwd, /etc/subuid and /etc/subgid.
 */
const project = join(import.meta.dirname, '../..');
const uid = 54_321;
const port = String(4100 + (process.pid % 50));
const directory = mkdtempSync(join(tmpdir(), 'shoal-user-'));
const files = {
  passwd: `root:x:0:0::/root:/bin/sh\nproxy:x:13:13::/:/bin/sh\nsomebody:x:${uid}:${uid}::${directory}:/bin/sh\n`,
  subuid: 'somebody:1000000:65536\n',
  subgid: 'somebody:1000000:65536\n',
};

/** Runs a command in the project's folder as that user; root's own programs aren't in its PATH. */
function asUser(command: string[], prepare = 'true') {
  const setUp = `set -e
    chmod 755 "$FILES"
    for file in passwd subuid subgid; do mount --bind "$FILES/$file" /etc/$file; done
    ${prepare}
    exec /usr/bin/setpriv --reuid ${uid} --regid ${uid} --clear-groups "$@"`;
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return spawnSync('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', setUp, 'sh', ...command], {
    cwd: project,
    encoding: 'utf8',
    env: { FILES: directory, HOME: directory, PATH: '/usr/local/bin:/usr/bin:/bin' },
  });
}
const region = (...words: string[]) => asUser([process.execPath, 'region/cli.ts', ...words]);

const isPossible =
  process.getuid?.() === 0 &&
  existsSync('/usr/bin/newuidmap') &&
  asUser(['test', '-r', process.execPath, '-a', '-r', 'package.json']).status === 0;

afterAll(() => {
  if (isPossible) region('down', '--port', port);
  rmSync(directory, { recursive: true, force: true });
});

describe.skipIf(!isPossible)('an ordinary user (needs uidmap, and a folder that others can read)', () => {
  test('has a region with real hosts, a client and nothing left of it', async () => {
    const up = region('up', '--port', port);
    expect(up.status, up.stderr).toBe(0);
    const overview = region('status', '--port', port);
    expect(overview.status, overview.stdout + overview.stderr).toBe(0);
    const url = 'https://s3.ap-northeast-1.amazonaws.com/squid-test-bucket/hello.txt';
    const client = region('client', '--port', port, '--', 'curl', '-sS', url);
    expect(client.stdout).toContain('Hello from the other side');
    const instance = /i-[0-9a-f]+/.exec(overview.stdout)?.[0] ?? '';
    const look =
      'pgrep -c -u proxy squid; systemctl is-enabled squid; touch /etc/squid/x /var/log/x && id -u';
    const shell = region('shell', instance, '--port', port, '--', 'sh', '-c', look);
    expect(shell.stdout).toBe('3\nenabled\n0\n');
    expect(region('down', '--port', port).stderr).toContain('is gone');
    // A client's namespace ends within a second of the network.
    const left = () => spawnSync('pgrep', ['-r', 'RSD', '-u', String(uid)], { encoding: 'utf8' }).stdout;
    await vi.waitFor(() => expect(left()).toBe(''), { timeout: 20_000 });
    expect(existsSync(join(tmpdir(), `shoal-region-${uid}-${port}`))).toBe(false);
  });

  test.each([
    ['is fine where users may have namespaces', 'true', /^undefined$/],
    ['names missing ranges', ': >"$FILES/subgid"', /--add-subuids 200000-265535 .* somebody$/],
    [
      'names a setting that forbids it',
      'echo 0 >$FILES/none; mount --bind $FILES/none /proc/sys/user/max_user_namespaces; : >$FILES/subuid',
      /^user\.max_user_namespaces is 0: sudo sysctl -w user\.max_user_namespaces=10000$/,
    ],
  ])('%s', (_, prepare, says) => {
    const module = join(project, 'scripts/setup/user-namespace.mjs');
    const script = `import('${module}').then((it) => console.log(it.userNamespaceObstacle()))`;
    const { stdout, stderr } = asUser([process.execPath, '-e', script], prepare);
    expect(stdout.trim() + stderr).toMatch(says);
  });
});

test('the machine keeps its own list of users', () => {
  expect(execFileSync('cat', ['/etc/subuid'], { encoding: 'utf8' })).not.toContain('somebody:1000000');
});
