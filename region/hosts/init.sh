#!/bin/bash
# The first process of a host made of namespaces: makes what a host has of its own, says so, and waits.
# Its standard input is a pipe from the region: when the region closes it or dies, the host ends.
# Arguments: the directory of the region, the host's name, its address, the systemctl stand-in.
set -e
directory=$1 name=$2 address=$3 systemctl=$4

# Writes to the system's folders stay in the host's own memory and go with its mount namespace.
mount -t tmpfs -o mode=755 tmpfs /mnt
layers='etc usr var' options=''
if [[ ! -O / ]]; then
  # In a user namespace the machine's files belong to nobody and can't be written to: folders that a host
  # writes to are made anew, and /etc, where containers have mounts that don't come along, is a copy.
  layers='usr var' options=,userxattr
  mkdir -p /mnt/usr/{bin,sbin,local/sbin} /mnt/var/{lib,log,spool,tmp}
  cp -rd /etc /mnt/ 2>/dev/null || [[ -e /mnt/etc/squid/squid.conf ]]
  mount --bind /mnt/etc /etc
fi
for folder in $layers; do
  mkdir -p "/mnt/$folder" "/mnt/$folder.work"
  mount -t overlay -o "lowerdir=/$folder,upperdir=/mnt/$folder,workdir=/mnt/$folder.work$options" overlay "/$folder"
done

# What the region hands over has to be read before a private /tmp or /run may cover it.
rm -f /etc/{hosts,resolv.conf,nsswitch.conf} /usr/bin/systemctl
cp "$directory/resolv.conf" "$directory/nsswitch.conf" /etc/
printf '127.0.0.1 localhost\n%s %s\n' "$address" "$name" >/etc/hosts
install -m 755 "$systemctl" /usr/bin/systemctl
# A host trusts the region's authority alone: the many of a machine are two thirds of each start of Squid.
trusted=/etc/ssl/certs/ca-certificates.crt
[[ ! -e $trusted ]] || mount --bind "$directory/ca.pem" $trusted
umount /mnt

mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mkdir -p /run/lock /run/shoal-region
hostname "$name"

# As after a fresh installation of Squid, whatever the machine did with its own. Images of containers forbid
# all services to start.
rm -f /usr/sbin/policy-rc.d
user=proxy
id proxy >/dev/null 2>&1 || user=squid
rm -rf /var/log/squid /var/spool/squid /var/lib/shoal /var/log/shoal /etc/systemd/system/squid.service.d
if id $user >/dev/null 2>&1; then
  install -d -m 750 -o $user -g $user /var/log/squid /var/spool/squid
fi

echo ready
# With the signal ignored the kernel itself buries the orphans that end here.
exec env --ignore-signal=CHLD cat >/dev/null
