#!/bin/sh
# Installs simple-one-api as a systemd service, from the folder of the unpacked archive or from the source after ./build.sh host.
set -eu

usage='Usage: ./install.sh [--no-start] [--dry-run] [--root DIR]
       ./install.sh --uninstall [--purge] [--dry-run] [--root DIR]

Installs   /usr/local/bin/simple-one-api
           /etc/simple-one-api/config.json           only where there is none yet
           /etc/systemd/system/simple-one-api.service
and a system user simple-one-api, then starts the service. Installing again brings the executable and the unit up to date.

  --no-start    installs without starting
  --uninstall   stops the service and removes the executable and the unit; configuration and user stay
  --purge       with --uninstall: removes configuration and user too
  --dry-run     says what would be done
  --root DIR    puts the files below DIR and leaves this system alone: no user, no service'

here=$(cd "$(dirname "$0")" && pwd)
name=simple-one-api
root='' action=install start=yes purge=no dry=no

fail() {
  echo "install.sh: $*" >&2
  exit 1
}

while [ $# -gt 0 ]; do
  case $1 in
    --root)
      [ $# -gt 1 ] || fail '--root needs a folder'
      root=${2%/}
      [ -n "$root" ] || fail '--root needs a folder other than /'
      shift
      ;;
    --uninstall) action=uninstall ;;
    --purge) purge=yes ;;
    --no-start) start=no ;;
    --dry-run) dry=yes ;;
    -h | --help)
      echo "$usage"
      exit 0
      ;;
    *)
      echo "$usage" >&2
      fail "what is $1?"
      ;;
  esac
  shift
done
[ "$purge" = no ] || [ "$action" = uninstall ] || fail '--purge goes with --uninstall'

program=$root/usr/local/bin/$name
folder=$root/etc/$name
unit=$root/etc/systemd/system/$name.service

run() {
  if [ "$dry" = yes ]; then echo "would run: $*"; else "$@"; fi
}

# What has been done; a dry run has done nothing.
say() {
  [ "$dry" = yes ] || echo "$*"
}

# Everything that touches the system, not only files.
system() {
  if [ -z "$root" ]; then run "$@"; fi
}

check_system() {
  if [ -n "$root" ] || [ "$dry" = yes ]; then return; fi
  [ "$(id -u)" = 0 ] || fail 'root is needed: sudo ./install.sh'
  [ -d /run/systemd/system ] || fail 'systemd does not run here; see docs/startup/nohup.md for a start without it'
}

# Gives the executable beside this file, or the one that ./build.sh made; it must run on this machine.
find_program() {
  for candidate in "$here/$name" "$here/build/$name"; do
    if [ -f "$candidate" ]; then
      "$candidate" --version >/dev/null 2>&1 ||
        fail "$candidate does not run on this machine ($(uname -s) $(uname -m)): take the archive made for it"
      echo "$candidate"
      return
    fi
  done
  fail "there is no executable in $here or $here/build: unpack an archive, or run ./build.sh host"
}

# A program that runs cannot be written to, but another can take its name.
place() { # FROM TO MODE
  run install -m "$3" "$1" "$2.new"
  run mv -f "$2.new" "$2"
}

add_user() {
  if id "$name" >/dev/null 2>&1; then return; fi
  shell=$(command -v nologin || echo /bin/false)
  system useradd --system --user-group --home-dir /nonexistent --no-create-home --shell "$shell" "$name"
}

add_config() {
  if [ -e "$folder/config.json" ]; then
    echo "kept       $folder/config.json"
    return
  fi
  place "$here/config.json" "$folder/config.json" 600
  system chown "$name:$name" "$folder/config.json"
  say "installed  $folder/config.json: the built-in mock; put your services there"
}

# A running service is not taken down for a configuration that the new executable does not accept.
start_service() {
  system systemctl daemon-reload
  if [ "$start" = no ] || [ -n "$root" ]; then return; fi
  run "$program" check "$folder/config.json" >&2 || fail "installed, but not (re)started: mend $folder/config.json, then: systemctl restart $name"
  run systemctl enable --quiet "$name"
  run systemctl restart "$name"
  say "started    systemctl status $name; journalctl -u $name -f"
}

install_all() {
  source=$(find_program)
  for file in config.json config.schema.json startup/$name.service; do
    [ -f "$here/$file" ] || fail "$here/$file is missing: the archive is not whole"
  done
  run mkdir -p "$root/usr/local/bin" "$root/etc/systemd/system" "$folder"
  place "$source" "$program" 755
  say "installed  $program"
  if [ -z "$root" ]; then add_user; fi
  run chmod 755 "$folder"
  place "$here/config.schema.json" "$folder/config.schema.json" 644
  add_config
  place "$here/startup/$name.service" "$unit" 644
  say "installed  $unit"
  if command -v restorecon >/dev/null 2>&1; then system restorecon "$program" "$unit"; fi
  start_service
}

uninstall_all() {
  if [ -e "$unit" ]; then system systemctl disable --quiet --now "$name"; fi
  run rm -f "$unit" "$program"
  system systemctl daemon-reload
  say "removed    $program, $unit"
  if [ "$purge" = no ]; then
    [ ! -d "$folder" ] || echo "kept       $folder (--purge removes it)"
    return
  fi
  run rm -rf "$folder"
  if [ -z "$root" ] && id "$name" >/dev/null 2>&1; then system userdel "$name"; fi
  say "removed    $folder"
}

check_system
if [ "$action" = install ]; then install_all; else uninstall_all; fi
