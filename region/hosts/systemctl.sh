#!/bin/bash
# A stand-in for systemctl on hosts without systemd. It knows the one unit squid.service and does with it
# what Debian's and Amazon Linux's units do.
pid_file=/run/squid.pid
drop_ins=/etc/systemd/system/squid.service.d
enabled=/etc/systemd/system/multi-user.target.wants/squid.service

main() {
  local verb='' unit='' properties=() value_only=no
  while (($#)); do
    case $1 in
      -p | --property) properties+=("$2") && shift ;;
      --property=*) properties+=("${1#*=}") ;;
      --value) value_only=yes ;;
      -*) ;;
      *) if [[ -z $verb ]]; then verb=$1; else unit=${1%.service}; fi ;;
    esac
    shift
  done
  [[ $verb == daemon-reload || $verb == reset-failed ]] && return 0
  if [[ $unit != squid ]]; then
    echo "Unit $unit.service could not be found." >&2
    return 5
  fi
  case $verb in
    start) start ;;
    stop) stop ;;
    restart) stop && start ;;
    reload)
      if ! main_pid >/dev/null; then
        echo 'squid.service is not active, cannot reload.' >&2
        return 1
      fi
      kill -HUP "$(main_pid)"
      ;;
    is-active) if main_pid >/dev/null; then echo active; else echo inactive && return 3; fi ;;
    is-enabled) if [[ -L $enabled ]]; then echo enabled; else echo disabled && return 1; fi ;;
    enable) mkdir -p "${enabled%/*}" && ln -sf /lib/systemd/system/squid.service $enabled ;;
    disable) rm -f $enabled ;;
    show) show "$value_only" "${properties[@]}" ;;
    *)
      echo "Unknown command verb $verb." >&2
      return 1
      ;;
  esac
}

main_pid() {
  local pid
  { read -r pid <$pid_file; } 2>/dev/null || return 1
  [[ $(cat "/proc/$pid/comm" 2>/dev/null) == squid ]] && echo "$pid"
}

# Returns when Squid listens, which is when the real one tells systemd that it is ready.
start() {
  local starting
  main_pid >/dev/null && return 0
  install -d -m 775 -g "$(id -gn proxy 2>/dev/null || id -gn squid)" /run/squid
  launch </dev/null >/dev/null 2>&1 &
  starting=$!
  while kill -0 $starting 2>/dev/null; do
    main_pid >/dev/null && [[ $(ss -Hltnp) == *'"squid"'* ]] && return 0
    sleep 0.02
  done
  echo 'Job for squid.service failed because the control process exited with error code.' >&2
  return 1
}

# A service gets no terminal, open file, variable or limit of whoever asked for it.
launch() {
  local descriptor
  for descriptor in "/proc/$BASHPID/fd/"*; do
    descriptor=${descriptor##*/}
    ((descriptor > 2)) && exec {descriptor}>&-
  done
  ulimit -Hn "$(limit 524288)"
  ulimit -Sn "$(limit 1024)"
  exec setsid env -i PATH="$PATH" /usr/sbin/squid --foreground -sYC
}

stop() {
  local pid waited
  pid=$(main_pid) || return 0
  kill -TERM "$pid"
  for ((waited = 0; waited < 1800; waited++)); do
    [[ -d /proc/$pid ]] || break
    sleep 0.05
  done
  # What the main process leaves behind (KillMode=mixed) still has its session.
  kill -KILL "$pid" 2>/dev/null
  pkill -KILL -s "$pid"
  rm -rf /run/squid
  return 0
}

# The LimitNOFILE of the unit's drop-ins, else the default.
limit() {
  local named
  named=$(cat $drop_ins/*.conf 2>/dev/null | sed -n 's/^LimitNOFILE=//p' | tail -n 1)
  echo "${named:-$1}"
}

show() {
  local value_only=$1 property value
  shift
  for property in "$@"; do
    case $property in
      ActiveState) value=$(main_pid >/dev/null && echo active || echo inactive) ;;
      MainPID) value=$(main_pid || echo 0) ;;
      LimitNOFILE) value=$(limit 524288) ;;
      UnitFileState) value=$([[ -L $enabled ]] && echo enabled || echo disabled) ;;
      *) continue ;;
    esac
    if [[ $value_only == yes ]]; then echo "$value"; else echo "$property=$value"; fi
  done
}

main "$@"
