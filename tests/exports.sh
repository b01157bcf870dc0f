#!/bin/sh
# SPDX-License-Identifier: MIT
# exports.sh LIBRARY HOOKS: the library exports each row of the table and nothing else, needs libc
# alone, and is hardened. Prints TAP.
set -u
export LC_ALL=C
library=$1 hooks=$2
number=0 bad=0

result() { # STATUS NAME [DETAIL]
	number=$((number + 1))
	if [ "$1" = 0 ]; then
		echo "ok $number - $2"
	else
		echo "not ok $number - $2"
		printf '%s\n' "${3-}" | sed 's/^/# /'
		bad=1
	fi
}

rows() {
	{
		echo '#define HOOK(ret, name, params, need) @name@'
		cat "$hooks"
	} | "${CC:-cc}" -E -P -x c - | grep -o '@[^@]*@' | tr -d '@' | sort
}

exported() {
	nm -D --defined-only "$library" | awk '$2 != "A" { print $3 }' | sort
}

only() { # lines of the first list that the second lacks
	printf '%s\n' "$1" | grep -vxF -e "$2"
}

echo "1..7"
table=$(rows) symbols=$(exported)

missing=$(only "$table" "$symbols")
result "$([ -z "$missing" ] && [ -n "$table" ]; echo $?)" every_row_is_exported "$missing"

extra=$(only "$symbols" "$table")
result "$([ -z "$extra" ]; echo $?)" every_exported_name_is_a_row "$extra"

versioned=$(nm -D --with-symbol-versions --defined-only "$library" | grep '@')
result "$([ -z "$versioned" ]; echo $?)" exports_carry_no_version_and_match_any "$versioned"

needed=$(readelf -dW "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
result "$([ "$needed" = "${NEEDED:-libc.so.6}" ]; echo $?)" it_needs_libc_alone "$needed"

dynamic=$(readelf -dW "$library")
result "$(! printf '%s' "$dynamic" | grep -q TEXTREL; echo $?)" it_has_no_text_relocations

relro=$(readelf -lW "$library" | grep GNU_RELRO)
now=$(printf '%s' "$dynamic" | grep -E 'BIND_NOW|NOW')
result "$([ -n "$relro" ] && [ -n "$now" ]; echo $?)" it_has_full_relro "$dynamic"

stack=$(readelf -lW "$library" | grep GNU_STACK)
result "$(printf '%s' "$stack" | grep -q 'RW '; echo $?)" its_stack_is_not_executable "$stack"
exit $bad
