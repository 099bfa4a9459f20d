# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# Shared by the bash scripts in this directory; sourced, never run.

# One language for everything that is parsed, and no surprises from aliases.
export LC_ALL=C

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(dirname "$scripts")
build=$top/build
cache=${CAPS_CACHE:-$HOME/.cache/caps}
me=$(basename "$0")

# Progress goes to stderr: stdout belongs to results.
say() { printf '%s: %s\n' "$me" "$*" >&2; }

die() {
	say "$*"
	exit 1
}

# The leading comment of a script is its help: everything from the line after
# the SPDX tag to the first line that is not a comment.
show_help() {
	sed -n '3,/^[^#]/ { /^#/ { s/^# \{0,1\}//; p } }' "$0"
}

# quietly LOG COMMAND...: its output goes to LOG, and is shown if it fails.
quietly() {
	local log=$1
	shift
	mkdir -p "$(dirname "$log")"
	"$@" >"$log" 2>&1 || {
		tail -n 60 "$log" >&2
		die "failed: $* (all of it: $log)"
	}
}

# quote WORD...: each word so that any POSIX shell reads it back unchanged.
quote() {
	local word sep=
	for word in "$@"; do
		printf "%s'%s'" "$sep" "${word//\'/\'\\\'\'}"
		sep=' '
	done
}

# as_root COMMAND...: directly, or through sudo.
as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "needs root or sudo for: $*"
	fi
}

# locked FILE PROGRAM...: one at a time across processes. Not for functions:
# those would run without errexit.
locked() {
	mkdir -p "$(dirname "$1")"
	flock -o "$@"
}
