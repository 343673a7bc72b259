#!/bin/bash
# The document's parameters, written in by the agent as they are: the allowedPattern of each excludes the quote.
mode='{{ mode }}'
file='{{ file }}'
sha256='{{ sha256 }}'
intent='{{ intent }}'
port='{{ port }}'
probe_url='{{ probeUrl }}'
revoke='{{ revoke }}'
note='{{ note }}'

# Brings this host's Squid to the given file and proves it, or leaves it serving what it served before. Prints one
# JSON line (report.ts) and nothing else. Killed at any point, it is mended by the next run, which reads anew what
# runs, what is on disk and whether a swap is unproven.
conf=/etc/squid/squid.conf
directory=/etc/squid/shoal         # Beside squid.conf, so that a rename stays on one file system.
previous=$directory/previous.conf  # Here while a swap is unproven: what to go back to.
state=/var/lib/shoal               # intent, loaded, proven, proven.conf, draining-since
work=/run/shoal
staged=$work/staged.conf
log=/var/log/shoal/apply.log
cache_log=/var/log/squid/cache.log
marker=http://config-generation.invalid/

phase=lock timings='' extras='' error='' unit='' failure='' reported=false swapped=false was_serving=false trial_pid=''
observed=false master='' serving=false live_workers=0 holder='' running='' answer_status='' answer_location=''
version='' pid_file=/run/squid.pid zeros='' addresses='' workers='' change='' log_start=1 probe=none probe_failed_before=false

main() {
  prepare
  "$mode"
}

apply() {
  take_lock
  accept_intent
  install_squid
  write_host_addresses
  decode
  observe
  was_serving=$serving
  if in_force; then change=none; else
    parse
    if $serving; then trial; fi
    swap
    bring_into_force || restore
  fi
  enter proof
  prove "$port" || unproven
  promote
  if [[ $revoke == disconnect ]]; then close_revoked; fi
  finish proven ''
}

# Reads alone, without the lock: what runs is the whole file on disk, and it passes the proof.
check() {
  enter proof
  extras=$(clients named)
  observe
  [[ $(generation_on_disk) == "$(remembered proven)" ]] || extras+=",\"differs\":\"$(first_differences)\""
  [[ -z $holder ]] || finish unproven "port $port is held by another process: $holder"
  [[ -n $master ]] || finish unproven 'no Squid runs'
  # The marker in a file that was edited by hand, read by Squid or not, names what the file was.
  grep -q "/sha256-$(generation_on_disk)-w" "$conf" ||
    finish unproven "$conf is not the file that was applied, and Squid has $(unless_read)read it"
  $serving || finish unproven "Squid runs, and does not serve port $port"
  ((live_workers >= $(workers_of "$conf"))) || finish unproven "only $live_workers of Squid's workers serve"
  grep -q "/sha256-${running:-none}-w" "$conf" || finish unproven "Squid runs ${running:-no single generation}, not $conf"
  prove "$port" || finish unproven "$failure"
  [[ $(remembered loaded) == "$running $(own_addresses)" ]] || finish unproven 'Squid has read other host addresses'
  finish proven ''
}

# What somebody has made of the file that was proven here last: three lines at most, each cut off.
first_differences() { diff -a $state/proven.conf $conf | grep -a '^[<>]' | cut -b 1-99 | head -n 3 | base64 -w 0; }

unless_read() {
  { echo 1970-01-01; grep -E 'Reconfiguring Squid|Starting Squid' $cache_log; } | tail -n 1 | cut -c 1-19 |
    { [[ $(date -f - +%s) -ge $(stat -c %Y $conf) ]] || echo 'not '; }
}

# How many clients are connected, and since when that is asked: the first time is when draining began.
connections() {
  local since
  since=$(remembered draining-since)
  [[ $since =~ ^[0-9]+$ ]] || { printf -v since '%(%s)T' -1 && remember "$state/draining-since" "$since"; }
  extras=",\"connections\":$(clients | wc -l),\"drainingSince\":$since"
  observe
  if [[ -n $running ]]; then finish proven ''; else finish unproven "no single generation serves port $port"; fi
}

# Standard output is kept for the report; the rest goes to the log, which starts anew at 1 MiB.
prepare() {
  export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin DEBIAN_FRONTEND=noninteractive
  set -uo pipefail
  umask 022
  exec 3>&1 </dev/null
  phase_began=${EPOCHREALTIME/./}
  mkdir -p "$work" "$state" "${log%/*}" 2>/dev/null
  if [[ -n $(find "$log" -size +1024k 2>/dev/null) ]]; then mv -f "$log" "$log.1" 2>/dev/null; fi
  { exec >>"$log"; } 2>/dev/null || exec >/dev/null
  exec 2>&1 {never}<> <(:)
  trap unexpected_end EXIT
  trap 'exit 1' HUP INT TERM
  trap : PIPE
  printf '%(%FT%TZ)T %s %s %s: %s\n' -1 "$mode" "$intent" "$sha256" "${note//_/ }"
  learn_build
}

# The agent runs five commands at a time, so the wait has an end.
take_lock() {
  exec 9>"$work/lock"
  flock -w 20 9 || finish busy 'another run held the lock for 20 s'
  rm -f /dev/shm/shoaltrial*
}

# Taken before anything is done, so that a late command of an older decision meets it.
accept_intent() {
  enter intent
  local known lower
  known=$(remembered intent)
  if [[ $intent == "$known" ]]; then return; fi
  lower=$(printf '%s\n' "$intent" "${known:-0.0.0}" | sort -t . -k 1,1n -k 2,2n -k 3,3n | head -n 1)
  [[ $intent != "$lower" ]] || finish superseded "$intent is lower than $known"
  attempt remember "$state/intent" "$intent" || finish unable "$error"
}

install_squid() {
  enter install
  local policy=/usr/sbin/policy-rc.d apt='apt-get -y -o DPkg::Lock::Timeout=60 install --no-install-recommends squid'
  if ! command -v squid && command -v apt-get; then
    # Debian starts a service as soon as it is installed, unless a policy forbids it.
    [[ -e $policy ]] || printf '#!/bin/sh\n# shoal, for the time of an install\nexit 101\n' >$policy
    chmod 755 $policy
    detached timeout 80 sh -c "dpkg --configure -a; $apt || { apt-get update && $apt; }"
  elif ! command -v squid; then
    detached timeout 80 "$(command -v dnf || echo yum)" -y install squid
  fi
  # Also one that a killed run has left.
  if [[ -e $policy ]] && grep -q shoal $policy; then rm -f $policy; fi
  learn_build || finish unable "Squid cannot be installed: $(tail -n 1 "$log")"
}

# What differs between distributions. Asking Squid takes 30 ms, so the answer is kept until the next boot.
learn_build() {
  local program build known=$work/build
  hash -r
  program=$(command -v squid) || return
  [[ $known -nt $program ]] || squid -v >"$known"
  build=$(<"$known")
  if [[ $build =~ Version\ ([0-9.]+) ]]; then version=${BASH_REMATCH[1]}; fi
  if [[ $build =~ --with-pidfile=([^\'\ ]+) ]]; then pid_file=${BASH_REMATCH[1]}; fi
}

# An ACL of squid.conf reads this file; without it clients would reach this host's own services.
write_host_addresses() {
  local known=$directory/host-addresses
  addresses=$(own_addresses) || finish unable "cannot read this host's own addresses"
  attempt mkdir -p "$directory" || finish unable "$error"
  [[ -e $known && $(<"$known") == "$addresses" ]] || attempt remember "$known" "$addresses" || finish unable "$error"
}

# Link-local ones are refused by squid.conf itself. Loopback keeps the list from ever being empty.
own_addresses() {
  ip -o addr show | awk '$3 ~ /^inet/ { sub(/\/.*/, "", $4); if ($4 !~ /^(127\.|169\.254\.|fe80:)/) print $4 }
    END { print "127.0.0.1"; print "::1" }' | sort -u
}

decode() {
  enter decode
  local content name status
  read -r name status < <(
    printf %s "$file" | base64 -d | gzip -dc | tee "$staged" | generation
    echo " ${PIPESTATUS[*]}"
  )
  [[ $status == *' 0 0' ]] || finish unable "cannot write $staged"
  [[ $status == '0 0 0 0 0' ]] || finish rejected 'the file is corrupt or truncated: it cannot be decoded'
  [[ $name == "$sha256" ]] || finish rejected "the file is corrupt: its sha256 is $name, not $sha256"
  content=$(<"$staged")
  [[ $content == *$'\n# shoal end' ]] || finish rejected 'the file is not whole: its last line is not "# shoal end"'
  [[ $content == *"/sha256-$sha256-w"* ]] || finish rejected 'the marker in the file does not name its sha256'
  [[ $content == *$'\n'"http_port $port"[$' \n']* ]] || finish rejected "the file does not listen on port $port"
  workers=$(workers_of "$staged")
}

# Reads a squid.conf and prints its name: the sha256 with the marker's own hash as zeros.
generation() {
  printf -v zeros '%064d' 0
  sed -E "s|^(deny_info 302:${marker}sha256-)[0-9a-f]{64}-w|\1$zeros-w|" | sha256sum | head -c 64
}
generation_on_disk() { if [[ $(tail -n 1 "$conf") == '# shoal end' ]]; then generation <"$conf"; fi; }
workers_of() { sed -nE '1 s/.*/1/p; s/^workers ([0-9]+).*/\1/p' "$1" | tail -n 1; }
ports_of() { grep -hs '^http_port ' "$@" | sort -u; }

# Nothing to do: the file is on disk, every worker answers with its name, and has read the present addresses.
in_force() {
  [[ $running == "$sha256" && $live_workers == "$workers" && $(remembered loaded) == "$sha256 $addresses" ]] &&
    cmp -s "$staged" "$conf"
}

# The exit code is not enough: some of what Squid only complains of shuts clients out, or lets everybody in.
parse() {
  enter parse
  local output status complaint bad='FATAL|ERROR|ignored|subnetwork|[Ee]mpty ACL|expecting|staged\.conf'
  output=$(timeout 20 squid -k parse -f "$staged" 2>&1)
  status=$?
  complaint=$(printf '%s\n' "$output" | grep -vE '\| Processing' | grep -m 1 -E "$bad")
  ((status == 0)) || finish rejected "squid -k parse fails: ${complaint:-exit code $status ${output##*$'\n'}}"
  [[ -z $complaint ]] || finish rejected "squid -k parse complains: $complaint"
}

# A second Squid runs the file for a moment and passes the same proof, so that what parses and cannot run, or runs
# and cannot reach, is found before the serving one is touched. `timeout` ends it where this script is killed.
trial() {
  enter trial
  local trial_port=$((20000 + RANDOM % 10000)) end=$((SECONDS + 10)) reason
  while ask "$trial_port" /; do trial_port=$((20000 + RANDOM % 10000)); done
  sed -E "s/^http_port $port( |\$)/http_port 127.0.0.1:$trial_port\1/; s/^workers .*/workers 1/" "$staged" - \
    <<<$'pid_filename none\ncache_log /dev/null\nshutdown_lifetime 0 seconds' >"$work/trial.conf"
  timeout 40 squid -N -d 1 -n "shoaltrial$trial_port" -f "$work/trial.conf" >"$work/trial.log" 2>&1 3>&- 9>&- &
  trial_pid=$!
  until ask "$trial_port" $marker && [[ $answer_location == *"/sha256-$sha256-w0" ]]; do
    if ((SECONDS > end)) || ! kill -0 "$trial_pid"; then
      reason=$(grep -m 1 -A 1 FATAL "$work/trial.log" || grep '[!-~]' "$work/trial.log" | tail -n 1)
      [[ -n $reason ]] || reason="it says nothing, and $(kill -0 "$trial_pid" || echo 'has ended')"
      finish rejected "the file parses, but a trial run of it does not serve: $reason"
    fi
    pause
  done
  if ! prove "$trial_port"; then
    reason=$failure
    # The serving Squid is asked too, to know whether the file or the network is at fault.
    if [[ $probe == none ]] || probe_answers "$port"; then finish rejected "a trial run of the file fails the proof: $reason"; fi
    probe_failed_before=true
  fi
  kill "$trial_pid"
  trial_pid=''
}

# Squid takes another port or number of workers only when it starts, and only then its workers make the sockets in
# /run/squid over which each other takes a file: without them half of them would keep the old one.
swap() {
  enter swap
  [[ -z $holder ]] || finish unable "port $port is held by another process: $holder"
  change=reconfigure
  [[ $live_workers == "$workers" && -d /run/squid && $(ports_of "$conf" "$previous") == "$(ports_of "$staged")" ]] || change=restart
  if [[ -z $master ]]; then change=start; fi
  attempt replace_conf || finish unable "$error"
  swapped=true
}

# The previous file is kept as a second name of itself, which takes no space, and goes back by a rename.
replace_conf() {
  cp "$staged" "$directory/next.conf" && sync "$directory/next.conf" || return
  # A run that was killed after its proof has left the way back from there, which is older than what it proved.
  if [[ $(generation_on_disk) == "$(remembered proven)" ]]; then rm -f "$previous"; fi
  [[ -e $previous || ! -e $conf ]] || ln "$conf" "$previous" || return
  mv -f "$directory/next.conf" "$conf" && sync "$directory"
}

bring_into_force() {
  enter start
  make_change "$change"
  if await "$sha256" "$workers" 12; then
    [[ $(remembered loaded) == "$sha256 $addresses" ]] || remember "$state/loaded" "$sha256 $addresses"
    return 0
  fi
  failure="not every one of $workers workers took the file: ${running:-they differ, or do not answer}"
  [[ -z $holder ]] || failure="port $port is held by another process: $holder"
  [[ -z $(deaths) ]] || failure="Squid died: $(deaths | tail -n 1)"
  return 1
}

make_change() {
  local drop_in=/etc/systemd/system/squid.service.d
  log_start=$(($(stat -c %s $cache_log || echo 0) + 1))
  # Not a hang-up signal: that kills Squid where the file does not parse, and this refuses.
  if [[ $1 == reconfigure ]]; then detached timeout 20 squid -k reconfigure -f "$conf"; return; fi
  unit=$(systemctl show -p LimitNOFILE -p UnitFileState squid)
  if [[ $unit =~ LimitNOFILE=([0-9]+) ]] && ((BASH_REMATCH[1] < 65536)); then
    mkdir -p $drop_in && printf '[Service]\nLimitNOFILE=65536\n' >$drop_in/shoal.conf && systemctl daemon-reload
  fi
  # Several workers make their sockets here, as the user that the log's directory belongs to.
  mkdir -p /run/squid && chown --reference="${cache_log%/*}" /run/squid
  detached systemctl reset-failed squid
  detached timeout 45 systemctl "$1" squid
}

# A Squid that served goes back to what it served. After a fatal reconfigure the master goes on for a second before
# it dies, so no one way is enough.
restore() {
  local expected way round end=$((SECONDS + 40))
  mv -f "$previous" "$conf" || finish failed "$failure; there is no way back"
  expected=$(generation_on_disk)
  if [[ $was_serving == false && -z $expected ]]; then
    # On a new host the previous file is the distribution's, which nobody asked for.
    detached timeout 40 systemctl stop squid
    observed=false
    finish failed "$failure"
  fi
  enter restore
  for ((round = 1; SECONDS < end; round++)); do
    way=reconfigure
    if [[ $change == restart && $round == 1 || $round -gt 3 ]]; then way=restart; fi
    if [[ -z $master ]]; then way=start; fi
    make_change $way
    if await "$expected" "$(workers_of "$conf")" 3; then
      if [[ $probe == failed ]] && ! probe_answers "$port"; then probe_failed_before=true; fi
      finish restored "$failure"
    fi
  done
  finish failed "$failure; the previous file does not serve either"
}

# In force, and the proof fails. A probe that fails without this file's doing is no verdict on it.
unproven() {
  if [[ $probe == failed && $(remembered proven) == "$sha256" ]]; then probe_failed_before=true; fi
  if [[ $probe == failed && $probe_failed_before == true ]]; then return; fi
  # Where nothing served before, nothing says whose fault the probe's failure is, and later it may answer.
  if [[ $swapped == false || $probe == failed && $was_serving == false ]]; then finish failed "$failure"; fi
  restore
}

# Metadata refused and the probe answered, through the proxy on this port. Sets probe and failure.
prove() {
  probe=none
  ask "$1" http://169.254.169.254/latest/meta-data/
  failure="the metadata address answers ${answer_status:-nothing} instead of 403"
  [[ $answer_status == 403 ]] || return
  if [[ -n $probe_url ]]; then probe_answers "$1" && probe=ok || probe=failed; fi
  [[ $probe != failed ]]
}

# Any answer counts that Squid did not make up itself. Two tries, since one lost packet is no verdict.
probe_answers() {
  local answer
  for _ in 1 2; do
    answer=$(curl -q -sSk --noproxy '' --proxy "http://127.0.0.1:$1" --connect-timeout 4 --max-time 6 \
      -o /dev/null -D - "$probe_url" 2>&1) && [[ $answer != *X-Squid-Error:* ]] && return
  done
  if [[ $answer =~ X-Squid-Error:\ ([A-Z_]+) || $answer =~ (curl:[^$'\r\n']+) ]]; then answer=${BASH_REMATCH[1]}; else answer='curl does not say why'; fi
  failure="the probe URL does not answer through the proxy: $answer"
  return 1
}

# The way back is not needed any more, and Squid comes up with this file after a reboot.
promote() {
  [[ $(remembered proven) == "$sha256" ]] || remember "$state/proven" "$sha256"
  cmp -s $conf $state/proven.conf || remember $state/proven.conf "$(<$conf)"
  rm -f "$previous" "$directory/next.conf" "$state/draining-since"
  if [[ $change == *start && $unit != *UnitFileState=enabled* ]]; then detached systemctl enable squid; fi
}

# A reconfigure leaves open tunnels alone, also those of clients that are not allowed any more.
close_revoked() {
  local revoked filter first closed=0 tunnels=closed
  mapfile -t revoked < <(clients | not_allowed)
  # In parts, since an argument has an end.
  for ((first = 0; first < ${#revoked[@]}; first += 500)); do
    printf -v filter ' or dst %s' "${revoked[@]:first:500}"
    ((closed += $(ss -HtnK state established "sport = :$port and ( ${filter# or } )" | wc -l)))
  done
  # Looked at again, since a kernel without INET_DIAG_DESTROY closes nothing and does not complain. A client that is
  # back already has another port.
  ((first == 0)) || [[ $(clients | not_allowed | grep -cxFf <(printf '%s\n' "${revoked[@]}")) == 0 ]] || tunnels=kept
  extras+=",\"closed\":$closed,\"tunnels\":\"$tunnels\""
}

# Each client connection, a line each: the client's address, and its end of the connection as ss writes it. A
# balancer's health check never sends a byte. With an argument: the clients, each once, as a part of the report, those of
# a /24 together: the first whole, of the others the last number.
clients() {
  ss -Htni state established "sport = :$port" | awk -v named="${1-}" '
    /^[^ \t]/ { end = peer = $4; sub(/:[0-9]+$/, "", peer); gsub(/[][]/, "", peer); sub(/^::ffff:/, "", peer) }
    !/ bytes_received:/ || peer ~ /^127\./ || peer == "::1" { next }
    named == "" { print peer, end; next }
    seen[peer]++ || total++ < 0 || used > 680 { next }
    { net = last = peer; sub(/[^.]*$/, "", net); sub(/.*\./, "", last) }
    { used += length(last) + 1 + (net in nets ? 0 : length(net) + 2); nets[net] = nets[net] "," last }
    END { for (net in nets) list = list ",\"" net substr(nets[net], 2) "\""
      if (named != "") printf ",\"clients\":[%s],\"clientsTotal\":%d", substr(list, 2), total }'
}

# Reads clients and prints the ends of those that no `acl allowed_src` line of squid.conf has.
not_allowed() {
  # Debian's awk writes numbers beyond 31 bits with six digits, unless it is told how.
  awk 'function key(address, bits, part) {
      split(address, part, ".")
      address = ((part[1] * 256 + part[2]) * 256 + part[3]) * 256 + part[4]
      return sprintf("%d:%.0f", bits, int(address / 2 ^ (32 - bits)))
    }
    NR != FNR { for (bits in sizes) if ($1 !~ /:/ && key($1, bits) in allowed) next; print $2; next }
    $1 " " $2 " " $3 == "acl allowed_src src" { split($4 "/32", net, "/"); sizes[net[2]]; allowed[key(net[1], net[2])] }
  ' "$conf" -
}

# Waits until this many workers answer with this generation: for SECONDS at most, less when Squid dies or stays dead.
# An empty generation, that of a file not ours, is met by any answer.
await() {
  local round dead=0 end=$((SECONDS + $3))
  for ((round = 1; SECONDS <= end && dead < 60; round++)); do
    observe
    if [[ $running == "$1" && $live_workers == "$2" ]] || [[ -z $1 && -n $answer_status ]]; then return 0; fi
    # One worker that dies again and again leaves the others serving.
    if ((round % 10 == 0)) && [[ $(deaths | wc -l) -gt 2 ]]; then return 1; fi
    if [[ -n $master ]]; then dead=0; else ((dead++)); fi
    pause
  done
  return 1
}
deaths() { tail -c "+$log_start" $cache_log | grep FATAL; }

# What serves the port: `serving` when each of its listeners is the running Squid's, else `holder` names one.
observe() {
  local listeners pid parent title name=''
  observed=true master='' serving=false live_workers=0 holder='' running='' answer_status=''
  { read -r master <"$pid_file" && read -r name <"/proc/$master/comm"; } 2>/dev/null
  [[ $name == squid ]] || master=''
  listeners=$(ss -Hltnp "sport = :$port")
  while [[ $listeners =~ pid=([0-9]+),(.*) ]]; do
    pid=${BASH_REMATCH[1]} listeners=${BASH_REMATCH[2]} parent='' title=''
    { read -r parent <"/proc/$pid/stat" && IFS= read -rd '' title <"/proc/$pid/cmdline"; } 2>/dev/null
    parent=${parent##*) ? } parent=${parent%% *}
    if [[ -z $master || $pid != "$master" && $parent != "$master" ]]; then holder="${title:-a process} (pid $pid)"; fi
    if [[ $pid == "$master" || $title =~ ^\(squid-[0-9]+\)$ ]]; then ((live_workers++)); fi
  done
  if ((live_workers > 0)) && [[ -z $holder ]]; then serving=true && survey; fi
}

# Asks over fresh connections until every worker has answered; `running` is what they agree on.
survey() {
  local -A seen=()
  local tries one common=''
  for ((tries = 0; tries < 60 && ${#seen[@]} < live_workers; tries++)); do
    ask "$port" $marker && [[ $answer_location =~ /sha256-([0-9a-f]{64})-w([0-9]+)$ ]] || return
    seen[${BASH_REMATCH[2]}]=${BASH_REMATCH[1]}
  done
  for one in "${seen[@]}"; do [[ $one == "${common:=$one}" ]] || return; done
  if ((${#seen[@]} == live_workers)); then running=$common; fi
}

# One request to a proxy on this host, without a process. Sets answer_status and answer_location.
ask() {
  local connection line
  answer_status='' answer_location=''
  { exec {connection}<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null || return 1
  printf 'GET %s HTTP/1.0\r\n\r\n' "$2" >&"$connection"
  while IFS= read -r -t 2 -u "$connection" line && [[ $line != $'\r' ]]; do
    if [[ $line == HTTP/1.* ]]; then answer_status=${line:9:3}; fi
    if [[ $line == Location:* ]]; then answer_location=${line#*: } answer_location=${answer_location%$'\r'}; fi
  done
  exec {connection}>&-
  [[ -n $answer_status ]]
}
pause() { read -r -t 0.02 -u "$never"; }

remembered() { if [[ -e $state/$1 ]]; then printf %s "$(<"$state/$1")"; fi; }
remember() { printf '%s\n' "$2" >"$1.new" && sync "$1.new" && mv -f "$1.new" "$1"; }

# Runs a command and keeps what it complains of for the report.
attempt() {
  error=$("$@" 2>&1) || { error=${error#*: line [0-9]*: } && return 1; }
}

# Without the descriptors of the report and the lock, which a daemon would keep open.
detached() { "$@" 3>&- 9>&-; }

# Begins a phase; the one before gets its time in milliseconds.
enter() {
  local now=${EPOCHREALTIME/./}
  timings+="${timings:+,}\"$phase\":$(((now - phase_began) / 1000))"
  phase=$1 phase_began=$now
}

finish() {
  local reason=${2//[^ -~]/ }
  reported=true
  if [[ $1 == proven ]]; then enter 'done'; else enter "$phase"; : "${reason:=nothing says why}"; fi
  if [[ -n $trial_pid ]]; then kill "$trial_pid"; fi
  $observed || observe
  reason=${reason:0:300} reason=${reason//\\/\\\\}
  if $probe_failed_before; then extras+=',"probeFailedBefore":true'; fi
  # Written only when it changes, so the file's time is when this host was first proven on what it names.
  extras+="$(stat -c ',"provenSince":%Y' $state/proven 2>/dev/null)${change:+,\"change\":\"$change\"}${version:+,\"squid\":\"$version\"}"
  printf '{"mode":"%s","outcome":"%s","phase":"%s","reason":"%s","running":%s,"file":%s,"intent":%s,"serving":%s,"probe":"%s"%s,"ms":{%s}}\n' \
    "$mode" "$1" "$phase" "${reason//\"/\\\"}" "$(quoted "$running")" "$(quoted "$(generation_on_disk)")" \
    "$(quoted "$(remembered intent)")" "$serving" "$probe" "$extras" "$timings" | tee /dev/fd/3
  exit 0
}
quoted() { if [[ -n $1 ]]; then printf '"%s"' "$1"; else printf null; fi; }

# The agent's time-out, or a fault of this script: reported all the same.
unexpected_end() {
  if $reported; then return; fi
  observed=false
  if $swapped; then finish failed "the script ended early in phase $phase"; fi
  finish unable "the script ended early in phase $phase; nothing was changed"
}

main
