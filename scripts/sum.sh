# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Adding up "N passed, N failed, N skipped"; sourced after lib.sh.

sum_passed=0 sum_failed=0 sum_skipped=0

# sum_add PASSED FAILED SKIPPED
sum_add() {
	sum_passed=$((sum_passed + $1))
	sum_failed=$((sum_failed + $2))
	sum_skipped=$((sum_skipped + $3))
}

# sum_run NAME COMMAND...: run it, show its output, and add its last line. A
# part that has no such line, passed nothing, or failed in any other way counts
# as one failure.
sum_run() {
	local name=$1 out code=0 line
	local form='^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$'
	shift
	out=$(mktemp)
	"$@" >"$out" || code=$?
	line=$(tail -n 1 "$out")
	sed '$d' "$out"
	rm -f "$out"

	if [[ $line =~ $form ]]; then
		sum_add "${BASH_REMATCH[@]:1}"
		if [ "${BASH_REMATCH[2]}" = 0 ] &&
			{ [ $code != 0 ] || [ "${BASH_REMATCH[1]}" = 0 ]; }; then
			sum_add 0 1 0
			line="$line, and failed with status $code"
		fi
	else
		sum_add 0 1 0
		line="${line:+$line, }no result, status $code"
	fi
	echo "$name: $line"
}

# The last line, and whether all is well.
sum_total() {
	echo "$sum_passed passed, $sum_failed failed, $sum_skipped skipped"
	[ $sum_failed = 0 ] && [ $sum_passed -gt 0 ]
}
