import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const hostsPossible = process.platform === 'linux' && process.getuid?.() === 0;
let directory: string;

/** Debian's tools in place of the real ones: `install` brings /usr/sbin/squid and tries to start it. */
const tools = {
  'apt-cache': `[ "$1" = policy ] && echo '  Candidate: 5.7-2'
    [ "$1" = policy ] || printf 'Package: squid\\nSize: 2900000\\nInstalled-Size: 9000\\n'; exit 0`,
  'apt-get': `[ "$1" = -s ] && { echo 'Inst squid (5.7-2 Debian:12 [amd64])'; exit 0; }
    [ "$2" = update ] && exit 0
    echo "apt-get talks"
    [ -e "$FAKE/fails" ] && exit 100
    /usr/sbin/policy-rc.d squid start; echo "$?" >"$FAKE/policy-answer"
    touch "$FAKE/installed"; printf '#!/bin/sh\\n' >/usr/sbin/squid; chmod 755 /usr/sbin/squid`,
  'dpkg-query': `echo 'ii  bash'; [ -e "$FAKE/installed" ] && echo 'ii  squid'; exit 0`,
  dpkg: `[ "$2" = squid ] && printf '/lib/systemd/system\\n/lib/systemd/system/squid.service\\n'; exit 0`,
  systemctl: `echo "$@" >>"$FAKE/systemctl"`,
};

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'shoal-packages-'));
  for (const folder of ['bin', 'layer']) mkdirSync(join(directory, folder));
  for (const [name, script] of Object.entries(tools)) {
    writeFileSync(join(directory, 'bin', name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe.skipIf(!hostsPossible)('a machine without Squid', () => {
  test('gets it after a line that says what, why and how large', () => {
    const { status, stdout, stderr } = setup();
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'done\n' });
    expect(stderr.split('\n')[0]).toContain(
      'squid (the proxy on each host); 1 package(s), 3 MB to fetch, 9 MB on disk',
    );
  });

  test('runs no service of it, now or after the next start', () => {
    setup();
    expect(written('policy-answer')).toBe('101\n');
    expect(written('systemctl')).toBe('disable squid.service\n');
    expect(written('policy-after')).toBe('');
  });

  test("has its administrator's own policy back afterwards", () => {
    setup({ before: `printf 'mine' >/usr/sbin/policy-rc.d` });
    expect(written('policy-answer')).toBe('101\n');
    expect(written('policy-after')).toBe('mine');
  });

  test('has it back also when a killed installation left ours', () => {
    const left = `printf 'mine' >$policy.kept-by-shoal; printf '# Written by Shoal for the time of an installation.\\n' >$policy`;
    setup({ before: `policy=/usr/sbin/policy-rc.d; ${left}` });
    expect(written('policy-after')).toBe('mine');
  });

  test('keeps its policy and hears what apt-get said when that fails', () => {
    const { status, stdout, stderr } = setup({
      before: `printf 'mine' >/usr/sbin/policy-rc.d; touch $FAKE/fails`,
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('apt-get talks');
    expect(written('policy-after')).toBe('mine');
  });

  test('is only told with --no-install', () => {
    const { status, stderr } = setup({ options: '--no-install' });
    expect(status).toBe(1);
    expect(stderr).toContain('missing: squid (the proxy on each host)');
    expect(existsSync(join(directory, 'installed'))).toBe(false);
  });
});

/** Set-up on this machine with Squid hidden, in a mount namespace that takes all its changes with it. */
function setup({ before = 'true', options = '' } = {}) {
  const script = `
    mount -t tmpfs tmpfs "$FAKE/layer" && mkdir "$FAKE/layer/upper" "$FAKE/layer/work"
    mount -t overlay overlay -o "lowerdir=/usr/sbin,upperdir=$FAKE/layer/upper,workdir=$FAKE/layer/work" /usr/sbin || exit 99
    rm -f /usr/sbin/squid /usr/sbin/policy-rc.d
    ${before}
    node scripts/setup.mjs --hosts needed ${options} -- echo done
    status=$?
    [ ! -e /usr/sbin/policy-rc.d ] || cp /usr/sbin/policy-rc.d "$FAKE/policy-after"
    exit $status`;
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    ['--mount', '--propagation', 'private', 'sh', '-c', script],
    {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, FAKE: directory, PATH: `${directory}/bin:${process.env.PATH}` },
    },
  );
  return { status, stdout, stderr };
}

function written(file: string): string {
  return existsSync(join(directory, file)) ? readFileSync(join(directory, file), 'utf8') : '';
}
