#!/bin/sh
# omcp @VERSION@: this script, and after it, compressed, Deno and the program. It unpacks both once, into a folder of this user's alone,
# checks them at each start, and starts the program with the permissions that its command needs. A POSIX shell, tar, gzip, sha256sum.
set -eu
umask 077
version='@VERSION@'
key='@KEY@'
lines=@LINES@
# Lines of sha256sum: of Deno, and of the small files.
deno_sum='@DENO_SUM@'
sums='@SUMS@'

fail() {
  printf 'Cannot start omcp %s: %s\n%s\n' "$version" "$1" "$2" >&2
  exit 1
}

case $0 in
  */*) self=$0 ;;
  *) self=$(command -v -- "$0") || fail "its own file is not found" "Start it by its path." ;;
esac
self=$(cd -P -- "$(dirname -- "$self")" && pwd -P)/$(basename -- "$self")

# A folder that only this user can write to: nobody else may put a program there.
own() {
  mkdir -p -- "$1" 2>/dev/null || return 1
  [ -d "$1" ] && [ ! -L "$1" ] && [ -O "$1" ] && [ -w "$1" ] || return 1
  case $(ls -ld -- "$1") in drwx------*) ;; *) chmod 700 -- "$1" 2>/dev/null || return 1 ;; esac
}

# The checksum that Deno passed, and its device, inode, size, times: a changed file has another time of change, which only the system can
# set. Hashing its 96 MB at each start would take longer than all else.
stamp() { printf '%s\n' "$deno_sum" && stat -c '%d %i %s %y %z' -- "$1/deno" 2>/dev/null; }

good() {
  [ -x "$1/deno" ] && [ -f "$1/stamp" ] && [ "$(cat -- "$1/stamp")" = "$(stamp "$1")" ] || return 1
  (cd -- "$1" && printf '%s\n' "$sums" | sha256sum -c --status >/dev/null 2>&1)
}

# Sets $problem where it fails.
unpack() {
  find "$base" -mindepth 1 -maxdepth 1 -name 'new.*' -mtime +0 -exec rm -rf {} + 2>/dev/null || :
  new=$(mktemp -d "$base/new.XXXXXX" 2>/dev/null) || { problem="cannot write to $base"; return 1; }
  if ! tail -n "+$((lines + 1))" -- "$self" | gzip -dc 2>/dev/null | tar -xf - -C "$new" 2>/dev/null; then
    problem="its file is damaged, or there is no room in $base"
  elif ! (cd -- "$new" && printf '%s\n%s\n' "$deno_sum" "$sums" | sha256sum -c --status >/dev/null 2>&1); then
    problem="its file is damaged: what it holds differs from its checksums"
  elif ! "$new/deno" --version >/dev/null 2>&1; then
    problem="programs cannot be run in $base, or this is not @TARGET@"
  else
    stamp "$new" >"$new/stamp"
    # What is there and not good was damaged or tampered with.
    if [ -e "$dir" ] && ! good "$dir"; then mv -T -- "$dir" "$new/replaced" 2>/dev/null || :; fi
    # Another start may have been first.
    mv -T -- "$new" "$dir" 2>/dev/null || rm -rf -- "$new"
    rm -rf -- "$dir/replaced"
    # Of other versions, the newest two stay.
    find "$base" -mindepth 1 -maxdepth 1 -name 'omcp-*' ! -name "omcp-$key" -printf '%T@ %p\n' 2>/dev/null |
      sort -rn | tail -n +3 | cut -d ' ' -f 2- | while IFS= read -r old; do rm -rf -- "$old"; done
    return 0
  fi
  rm -rf -- "$new"
  return 1
}

problem=
found=
for base in "${XDG_CACHE_HOME:+$XDG_CACHE_HOME/omcp}" "${HOME:+$HOME/.cache/omcp}" "${TMPDIR:-/tmp}/omcp-$(id -u)"; do
  case $base in /*) ;; *) continue ;; esac
  own "$base" || continue
  dir=$base/omcp-$key
  for attempt in 1 2 3; do
    if good "$dir"; then found=$dir; break 2; fi
    unpack || break
  done
done
[ -n "$found" ] || fail "${problem:-no folder can be written to}" \
  "Set XDG_CACHE_HOME to a folder of this user with 120 MB of room where programs may be run; if the file is damaged, copy it again."

# Deno looks for settings of its own in a home, and fails where that is not a folder.
[ -d "${HOME:-/dev/null}" ] || export HOME="$base"
export DENO_NO_UPDATE_CHECK=1 OMCP_PROGRAM_FILE="$self"
case ${1-} in
  # Known here, once the program has been found to be whole.
  --version) printf '%s\n' "$version"; exit 0 ;;
  # They need no permission, and nobody wants to wait for them.
  --help | -h | help) exec "$found/deno" @ALONE@ --no-prompt "$found/program/omcp.mjs" "$@" ;;
esac
# Deno's flags in an answer, {"arguments":["…","…"],"again":false}, as words of a shell. Without a backslash in it, each quotation mark
# begins or ends a string.
words_of() {
  case $1 in
    *\\*) fail "a path in its settings has a quotation mark, a backslash or a control character" "Use another path." ;;
    '{"arguments":["'*'"],"again":true}' | '{"arguments":["'*'"],"again":false}') ;;
    *) fail "its answer about permissions is not of the form that this file knows" "Report this." ;;
  esac
  words=$(printf '%s' "$1" |
    sed "s/'/'\\\\''/g; s/^{\"arguments\":\[\"/'/; s/\"\],\"again\":[a-z]*}\$/'/; s/\",\"/' '/g")
}
answer=$("$found/deno" @ASK@ "$found/program/permissions.mjs" "$@" </dev/null) || exit $?
words_of "$answer"
case $answer in
  # Once more, with the file of settings readable.
  *'"again":true}')
    answer=$(eval "\"\$found/deno\" $words \"\$found/program/permissions.mjs\" \"\$@\"" </dev/null) || exit $?
    words_of "$answer"
    ;;
esac
eval "set -- $words \"\$found/program/omcp.mjs\" \"\$@\""
exec "$found/deno" "$@"
