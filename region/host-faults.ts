import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { enterHost } from './hosts/namespaces.ts';

/** Where a proxy and what sets it up write; the rest of a host's disk is no matter. */
const folders = '/etc/squid /var/lib/shoal /var/log/squid /var/log/shoal';

const onEachFolder = (script: string) => `for folder in ${folders}; do
  mkdir -p $folder
  if mountpoint -q $folder; then echo 'its disk is broken already: mend-disk comes first' >&2; exit 1; fi
  ${script}
done`;

/** What is done to a host, as scripts that run on it. */
export const hostFaults = {
  'kill-squid': "pkill -KILL -x squid || { echo 'no Squid runs there' >&2; exit 1; }",
  'kill-worker': `worker=$(pgrep -f '^\\(squid-[0-9]+\\)' | head -n 1)
kill -KILL "\${worker:?no worker of Squid runs there}"`,
  'break-reload': `cat >/usr/local/sbin/squid <<'END' && chmod 755 /usr/local/sbin/squid
#!/bin/sh
case " $* " in *' -k reconfigure '*) exec pkill -KILL -x squid ;; esac
exec /usr/sbin/squid "$@"
END`,
  'mend-reload': 'rm -f /usr/local/sbin/squid',
  // The same files in a file system that has no room but for them.
  'fill-disk': onEachFolder(`mount -t tmpfs -o size=$(($(du -sk $folder | cut -f 1) + 64))k tmpfs /mnt
  cp -a $folder/. /mnt/ && chown --reference=$folder /mnt && chmod --reference=$folder /mnt
  cat /dev/zero >/mnt/full 2>/dev/null
  mount --move /mnt $folder`),
  'lock-disk': onEachFolder('mount --bind $folder $folder && mount -o remount,bind,ro $folder'),
  'mend-disk': `for folder in ${folders}; do
  if mountpoint -q $folder; then umount -l $folder; fi
done`,
};

/** Does it on a host of the region in `directory`. Rejects with what the host says when it can't be done. */
export async function injectHostFault(
  directory: string,
  instanceId: string,
  fault: keyof typeof hostFaults,
): Promise<void> {
  const [program, ...enter] = enterHost(directory, instanceId);
  const command = [...enter, 'sh', '-c', hostFaults[fault]];
  await promisify(execFile)(program!, command).catch((error: { stderr?: string }) => {
    throw new Error(`${fault} ${instanceId}: ${error.stderr?.trim() || error}`, { cause: error });
  });
}
