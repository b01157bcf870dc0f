#!/bin/bash
# SPDX-License-Identifier: MIT
# as-user.sh userns|nobody BUILD PROGRAM [ARG...]: runs a program of the build folder with less
# privilege: as root of a user namespace of its own, or as uid 65534 of the initial one, in a network
# namespace that root has made for it. That uid may not be able to read the build folder, so it gets a
# copy. Exits with 77, and says why, where that cannot be done.
set -eu
how=$1 build=$2 program=$3
shift 3

skip() {
	echo "SKIP $*"
	exit 77
}

case $how in
userns)
	unshare -Urn true 2>/dev/null || skip "no user namespace is to be had"
	exec unshare -Urn "$build/$program" "$@"
	;;
nobody)
	[ "$(id -u)" = 0 ] || skip "not root, so it cannot become another uid"
	unshare -n true 2>/dev/null || skip "no network namespace is to be had"
	copy=$(mktemp -d)
	trap 'rm -rf "$copy"' EXIT
	mkdir -p "$copy/tests/scenarios"
	cp "$build/librstfix.so" "$build/rstfix" "$copy/"
	cp "$build"/tests/scenarios/test_scenarios "$build"/tests/scenarios/victim* \
		"$copy/tests/scenarios/"
	chown -R 65534:65534 "$copy"
	chmod -R a+rX "$copy"
	cd "$copy"
	# shellcheck disable=SC2016 # expanded by the inner shell
	LAB_NETNS=keep TMPDIR=$copy unshare -n sh -c 'ip link set lo up &&
		exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"' sh "./$program" "$@"
	;;
*)
	echo "as-user.sh: '$how': userns or nobody" >&2
	exit 2
	;;
esac
