#!/bin/sh
# Installs Debian packages, as root, without letting any service of theirs run on this machine: neither
# now (policy-rc.d answers 101, "not allowed") nor after the next start (the new units are disabled).
set -eu

policy=/usr/sbin/policy-rc.d
kept=$policy.kept-by-shoal
marker='# Written by Shoal for the time of an installation.'

main() {
  # What a run that was killed left behind.
  restore_policy
  installed >"$before"
  forbid_services
  # In containers the lists are often empty; without them nothing can be found.
  if ! ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1; then
    apt-get -q update
  fi
  # shellcheck disable=SC2046 # Package names have no spaces.
  DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $(available "$@")
  restore_policy
  disable_new_units
}

# Of the packages asked for, those that this system's repositories have: Ubuntu 24.04 has no awscli.
available() {
  for package in "$@"; do
    if apt-cache show "$package" >/dev/null 2>&1; then echo "$package"; fi
  done
}

forbid_services() {
  if [ -e "$policy" ] || [ -L "$policy" ]; then mv "$policy" "$kept"; fi
  printf '#!/bin/sh\n%s\nexit 101\n' "$marker" >"$policy"
  chmod 755 "$policy"
}

restore_policy() {
  if [ -e "$kept" ] || [ -L "$kept" ]; then
    mv -f "$kept" "$policy"
  elif [ -f "$policy" ] && grep -qxF "$marker" "$policy"; then
    rm -f "$policy"
  fi
}

installed() {
  dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' | sed -n 's/^ii *//p' | sort -u
}

disable_new_units() {
  command -v systemctl >/dev/null || return 0
  for package in $(installed | comm -13 "$before" -); do
    for unit in $(dpkg -L "$package" | sed -nE 's#^(/usr)?/lib/systemd/system/([^/@]*\.(service|socket|timer))$#\2#p'); do
      systemctl disable "$unit" || true
    done
  done
}

before=$(mktemp)
trap 'restore_policy; rm -f "$before"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
main "$@"
