#!/bin/bash
# SPDX-License-Identifier: MIT
# check.sh BUILD HOST...: builds the library for other hosts, below BUILD/HOST, and holds it against what
# the kernel counts: three closes that reset, in audit and in fix. Prints TAP. Needs root.
set -u
export LC_ALL=C
build=$(realpath "$1") && shift
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

skip() { # NAME REASON
	number=$((number + 1))
	echo "ok $number - $1 # SKIP $2"
}

# Sets the words by which make builds for the host, and by which its programs are started.
settle() { # HOST
	words=(O="$build/$1") run=() needed=libc.so.6
	case $1 in
	i386)
		# Debian's gcc-12-multilib, unlike gcc-multilib, goes with cross compilers, and has no asm/.
		words+=(CC=gcc CFLAGS="-m32 -I/usr/include/x86_64-linux-gnu" LDFLAGS=-m32) tool=gcc
		;;
	musl)
		# The kernel's headers, and libunwind's, are among glibc's.
		words+=(CC=musl-gcc
			CFLAGS="-idirafter /usr/include -idirafter /usr/include/x86_64-linux-gnu")
		tool=musl-gcc needed=libc.so
		;;
	aarch64)
		words+=(CC=aarch64-linux-gnu-gcc AR=aarch64-linux-gnu-ar)
		tool=aarch64-linux-gnu-gcc
		run=(qemu-aarch64 -L /usr/aarch64-linux-gnu)
		;;
	esac
}

can_build() {
	echo 'int main(void) { return 0; }' | "$tool" "${flags[@]}" -x c -o /dev/null - 2>/dev/null
}

# Prints the RSTs that the kernel counted, and what was told of each close.
three_closes() { # HOST MODE
	local log="$build/$1/told"
	rm -f "$log"
	# shellcheck disable=SC2016 # the inner shell's
	unshare -n sh -c 'ip link set lo up && "$@" >/dev/null 2>&1 && awk "/^Tcp: [0-9]/ { print \$15 }" /proc/net/snmp' \
		sh env RSTFIX_MODE="$2" RSTFIX_LOG="$log" RSTFIX_FORMAT=json "${run[@]}" "${preload[@]}" \
		"$build/$1/tests/programs/resets" 3
	sed -n 's/.*"event":"rst".*"outcome":"\([a-z]*\)".*/\1/p' "$log" | sort | uniq -c | xargs
}

host() { # HOST
	local out library="$build/$1/librstfix.so" flags=() preload said
	settle "$1"
	[ "$1" = i386 ] && flags=(-m32)
	if ! can_build; then
		skip "$1" "nothing can be compiled for it here"
		return
	fi
	out=$(make -s -j2 "${words[@]}" "$library" "$build/$1/tests/programs/resets" 2>&1)
	result "$([ -z "$out" ] && [ -e "$library" ]; echo $?)" "$1: it_builds_without_a_word" "$out"
	out=$(NEEDED=$needed tests/exports.sh "$library" shim/hooks.def)
	result $? "$1: it_exports_the_table_and_is_hardened" "$out"
	preload=(env LD_PRELOAD="$library")
	if [ "${#run[@]}" != 0 ]; then
		preload=(-E LD_PRELOAD="$library")
		command -v "${run[0]}" >/dev/null || { skip "$1: it_runs" "no ${run[0]}"; return; }
	fi
	[ "$1" = musl ] && [ ! -e /lib/ld-musl-x86_64.so.1 ] && { skip "$1: it_runs" "no musl"; return; }
	said=$(three_closes "$1" audit | xargs)
	result "$([ "$said" = "3 3 reset" ]; echo $?)" "$1: audit_tells_each_reset" "$said"
	said=$(three_closes "$1" fix | xargs)
	case $1 in
	aarch64) # qemu-user does not know SO_COOKIE: without that nothing is proven
		result "$([ "$said" = "3 3 failed" ]; echo $?)" "$1: fix_without_proof_lets_it_be" "$said" ;;
	*)
		result "$([ "$said" = "0 3 averted" ]; echo $?)" "$1: fix_averts_each" "$said" ;;
	esac
}

# Both classes by one LD_PRELOAD: the loader says what it puts in the place of $LIB.
one_for_both() {
	local below="$build/both" folder told=
	rm -rf "$below"
	for folder in lib/x86_64-linux-gnu lib64 lib/i386-linux-gnu lib32; do
		mkdir -p "$below/$folder"
		case $folder in
		*64*) cp "$build/librstfix.so" "$below/$folder/" ;;
		*) cp "$build/i386/librstfix.so" "$below/$folder/" ;;
		esac
	done
	for folder in "$build" "$build/i386"; do
		told+=$(LD_DEBUG=files LD_PRELOAD="$below/\$LIB/librstfix.so" \
			"$folder/tests/programs/resets" 0 2>&1 | grep 'calling init:.*librstfix')
	done
	result "$([ "$(grep -o 'calling init' <<<"$told" | wc -l)" = 2 ]; echo $?)" \
		"one LD_PRELOAD with \$LIB serves both classes" "$told"
}

for name; do
	host "$name"
	[ "$name" = i386 ] && [ -e "$build/i386/librstfix.so" ] && one_for_both
done
echo "1..$number"
exit $bad
