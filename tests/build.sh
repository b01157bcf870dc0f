#!/bin/sh
# SPDX-License-Identifier: MIT
# build.sh NAME COMMAND...: a build (or a checker) that must succeed without a word of warning, as
# one TAP test. Without the tool, a skip.
set -u
name=$1 tool=$2
shift 2
echo 1..1
if ! command -v "$tool" >/dev/null; then
	echo "ok 1 - $name # SKIP $tool is not installed"
	exit 0
fi
out=$("$@" 2>&1)
status=$?
if [ $status = 0 ] && ! printf '%s' "$out" | grep -qiE 'warning|error:'; then
	echo "ok 1 - $name"
	exit 0
fi
echo "not ok 1 - $name"
printf '%s\nexit status %s\n' "$out" "$status" | sed 's/^/# /'
exit 1
