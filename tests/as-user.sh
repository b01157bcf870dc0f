#!/bin/bash
# SPDX-License-Identifier: MIT
# as-user.sh userns|nobody BUILD PROGRAM [ARG...]: runs a program of the build folder with less
# privilege: as root of a user namespace of its own, or as uid 65534 of the initial one. That uid
# may not be able to read the build folder, so it gets a copy.
set -eu
how=$1 build=$2 program=$3
shift 3

case $how in
userns)
	exec unshare -Urn "$build/$program" "$@"
	;;
nobody)
	if [ "$(id -u)" != 0 ]; then
		echo "1..0 # SKIP not root, so it cannot become another uid"
		exit 0
	fi
	copy=$(mktemp -d)
	trap 'rm -rf "$copy"' EXIT
	mkdir -p "$copy/tests/scenarios"
	cp "$build/librstfix.so" "$build/rstfix" "$copy/"
	cp "$build"/tests/scenarios/test_scenarios "$build"/tests/scenarios/victim* \
		"$copy/tests/scenarios/"
	chown -R 65534:65534 "$copy"
	chmod -R a+rX "$copy"
	cd "$copy"
	TMPDIR=$copy setpriv --reuid=65534 --regid=65534 --clear-groups "./$program" "$@"
	;;
*)
	echo "as-user.sh: '$how': userns or nobody" >&2
	exit 2
	;;
esac
