#!/bin/sh
# Runs simple-one-api in the background, without a service manager: startup/simple-one-api.sh start|stop|restart|status [CONFIG]
# The pid file and the log stand in the current folder, or in the one that SIMPLE_ONE_API_HOME names.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
home=${SIMPLE_ONE_API_HOME:-$PWD}
pid_file=$home/simple-one-api.pid
log=$home/simple-one-api.log
# Seconds: a start, and a stop that lets open requests finish (`shutdown_timeout` is 60).
start_within=15
stop_within=75

fail() {
  echo "simple-one-api: $*" >&2
  exit 1
}

find_program() {
  for candidate in "${SIMPLE_ONE_API_BINARY:-}" "$here/../simple-one-api" "$here/../build/simple-one-api" "$here/simple-one-api"; do
    if [ -n "$candidate" ] && [ -f "$candidate" ] && [ -x "$candidate" ]; then
      echo "$candidate"
      return
    fi
  done
  command -v simple-one-api || fail 'there is no executable beside this script; SIMPLE_ONE_API_BINARY names one elsewhere'
}

# Prints the process's number if it runs and is ours: a number outlives its process and is given to others. One that has ended has no
# command line any more, even where nobody has collected it yet.
running() {
  [ -f "$pid_file" ] || return 1
  pid=$(cat "$pid_file")
  case $pid in '' | *[!0-9]*) return 1 ;; esac
  case $(command_of "$pid") in
    *simple-one-api*) echo "$pid" ;;
    *) return 1 ;;
  esac
}

# Not every `ps` knows -p; not every system has /proc.
command_of() {
  if [ -r "/proc/$1/cmdline" ]; then tr '\0' ' ' <"/proc/$1/cmdline"; else ps -p "$1" -o args= 2>/dev/null; fi
}

address() {
  sed -n 's/^  address *//p' "$log" 2>/dev/null | tail -n 1
}

start() {
  if pid=$(running); then
    echo "runs already (process $pid, $(address))"
    return
  fi
  if [ -f "$pid_file" ]; then echo 'an old pid file was left behind; removed'; fi
  rm -f "$pid_file"
  program=$(find_program)
  touch "$log"
  before=$(wc -c <"$log")
  nohup "$program" "$@" >>"$log" 2>&1 </dev/null &
  pid=$!
  echo "$pid" >"$pid_file"
  await_start "$pid" $((before + 1))
}

await_start() { # PID FROM_BYTE
  waited=0
  while [ "$waited" -lt $((start_within * 10)) ]; do
    if tail -c +"$2" "$log" | grep -q '^  address '; then
      echo "started (process $1, $(address)); it writes to $log"
      return
    fi
    # While a process becomes the program, its command line is empty: only who is missing twice has ended.
    if ! running >/dev/null; then
      sleep 0.1
      if ! running >/dev/null; then break; fi
    fi
    sleep 0.1
    waited=$((waited + 1))
  done
  tail -c +"$2" "$log" >&2
  kill "$1" 2>/dev/null || true
  rm -f "$pid_file"
  fail 'did not start'
}

stop() {
  if ! pid=$(running); then
    rm -f "$pid_file"
    echo 'does not run'
    return
  fi
  kill "$pid"
  waited=0
  while running >/dev/null; do
    if [ "$waited" -ge $((stop_within * 10)) ]; then
      kill -9 "$pid" 2>/dev/null || true
      rm -f "$pid_file"
      fail "did not end within $stop_within seconds; killed"
    fi
    sleep 0.1
    waited=$((waited + 1))
  done
  rm -f "$pid_file"
  echo 'stopped'
}

status() {
  if pid=$(running); then
    echo "runs (process $pid, $(address))"
  else
    echo 'does not run'
    exit 3
  fi
}

command=${1:-}
[ $# -eq 0 ] || shift
case $command in
  start) start "$@" ;;
  stop) stop ;;
  restart)
    stop
    start "$@"
    ;;
  status) status ;;
  *)
    echo "Usage: $0 start|stop|restart|status [CONFIG]" >&2
    exit 2
    ;;
esac
