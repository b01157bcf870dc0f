#!/bin/bash
# SPDX-License-Identifier: MIT
# Installs the Debian packages that building, checking and the demo need; `make setup` calls it, and
# `make check-programs` with the word suites, for what only the long suites of other people need.
#
# dpkg is asked first, so that a second run changes nothing and needs neither root nor network. What
# the build needs must be there in the end. The rest are programs that tests run: without one of
# them its tests are skipped, and say so.
set -u
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

required=(
	gcc libc6-dev make pkg-config python3 iproute2
	g++ libunwind-dev libcmocka-dev libjson-c-dev libncurses-dev
	libsimdjson-dev libdw-dev zlib1g-dev libzstd-dev
)
optional=(
	clang libclang-rt-14-dev clang-format clang-tidy shellcheck codespell mandoc pyflakes3
	valgrind libjemalloc2 libtcmalloc-minimal4 libmimalloc2.0 procps util-linux
	gdb binutils zstd chromium
	erlang-base nodejs default-jdk-headless openssh-server openssh-client
	libpython3.11-testsuite liburing2
	curl wget nginx-light redis-server lighttpd haproxy wrk openbsd-inetd
	prometheus prometheus-node-exporter
)
suites=(
	python3-pytest python3-pytest-mock python3-tornado python3-twisted python3-trio python3-trustme
	python3-cheroot python3-requests-toolbelt python3-requests-unixsocket
	libglib2.0-tests libsoup-3.0-tests dbus-daemon glib-networking
	perl libio-socket-ssl-perl libhttp-daemon-perl libio-socket-inet6-perl libwww-perl
	ruby
)
if [ "${1-}" = suites ]; then
	optional+=("${suites[@]}")
fi

# What these packages enable at boot; see leave_disabled.
declare -A service_of=(
	[openssh-server]=ssh [nginx-light]=nginx [redis-server]=redis-server
	[lighttpd]=lighttpd [haproxy]=haproxy [openbsd-inetd]=inetd [prometheus]=prometheus
	[prometheus-node-exporter]=prometheus-node-exporter
)

policy=/usr/sbin/policy-rc.d
policy_is_ours=0

say() {
	printf 'setup: %s\n' "$*"
}

fail() {
	say "$*" >&2
	exit 1
}

# Another package may fill a place: nginx (a dependency of its flavours) does for nginx-light.
installed() {
	case $1 in
	nginx-light) set -- nginx-light nginx-core nginx-full nginx-extras ;;
	esac
	dpkg-query -Wf '${db:Status-Abbrev}\n' "$@" 2>/dev/null | grep -q '^.i'
}

missing_of() {
	local name
	for name; do
		installed "$name" || printf '%s\n' "$name"
	done
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo -n env DEBIAN_FRONTEND="$DEBIAN_FRONTEND" "$@"
	fi
}

# Packages start their services when they are installed. Debian's way to forbid that is this file;
# one that is already there belongs to somebody else and stays.
forbid_services() {
	[ -e "$policy" ] && return
	printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null || return
	policy_is_ours=1
	as_root chmod 755 "$policy"
}

allow_services() {
	[ "$policy_is_ours" = 1 ] && as_root rm -f "$policy"
	policy_is_ours=0
}

# A server that came for the sake of a test is not to run at the next boot. Called with the packages
# that were missing before.
leave_disabled() {
	local name
	command -v systemctl >/dev/null || return 0
	for name; do
		if [ -n "${service_of[$name]-}" ] && installed "$name"; then
			as_root systemctl -q disable "${service_of[$name]}" 2>/dev/null
		fi
	done
}

apt_install() {
	as_root apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 \
		-o DPkg::Lock::Timeout=300 install "$@"
}

# One package that cannot be had must not cost the others: after a failure each is tried alone.
install_all() {
	local name
	[ $# = 0 ] && return
	say "installing: $*"
	apt_install "$@" >"$log" 2>&1 && return
	for name; do
		apt_install "$name" >>"$log" 2>&1 || say "$name could not be installed"
	done
}

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	fail "this is no Debian: install these yourself: ${required[*]}; for the tests: ${optional[*]}"
fi
mapfile -t need < <(missing_of "${required[@]}")
mapfile -t want < <(missing_of "${optional[@]}")
if [ $((${#need[@]} + ${#want[@]})) = 0 ]; then
	say "everything is installed"
	exit 0
fi

if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
	if [ ${#need[@]} != 0 ]; then
		fail "not root, and sudo asks for a password. As root: apt-get install ${need[*]} ${want[*]}"
	fi
	say "not root, so these stay missing and their tests are skipped: ${want[*]}"
	exit 0
fi

log=$(mktemp) || exit
trap 'allow_services; rm -f "$log"' EXIT
trap 'exit 130' INT TERM
forbid_services || fail "cannot write $policy, which keeps new services from starting"
say "apt-get update"
as_root apt-get -q update >"$log" 2>&1 || say "apt-get update failed: $(tail -n 1 "$log")"
install_all "${need[@]}" "${want[@]}"
leave_disabled "${want[@]}"

mapfile -t need < <(missing_of "${required[@]}")
mapfile -t want < <(missing_of "${optional[@]}")
if [ ${#want[@]} != 0 ]; then
	say "missing, their tests are skipped: ${want[*]}"
fi
if [ ${#need[@]} != 0 ]; then
	tail -n 20 "$log" >&2
	fail "the build needs these, and they could not be installed: ${need[*]}"
fi
say "done"
