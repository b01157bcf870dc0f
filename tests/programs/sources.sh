#!/bin/bash
# SPDX-License-Identifier: MIT
# Unpacks Debian's sources of packages whose tests are in none of them: sources.sh FOLDER PACKAGE...
# What is there stays. apt's own lists stay as they are: the sources' are kept in FOLDER.
set -u
export LC_ALL=C

folder=$(realpath -m "$1")
shift
mkdir -p "$folder/apt" || exit
private=(-o Dir::Etc::sourcelist="$folder/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
	-o Dir::State::lists="$folder/apt/lists")

get() {
	local got
	got=$(mktemp -d "$folder/apt/$1.XXXXXX") || return
	(cd "$got" && apt-get -q "${private[@]}" source --download-only "$1" >log 2>&1) || return
	mkdir "$got/tree" && tar -xf "$got"/*.orig.tar.?z -C "$got/tree" --strip-components=1 &&
		mv "$got/tree" "$folder/$1"
}

for package; do
	[ -d "$folder/$package" ] && continue
	if [ ! -e "$folder/apt/sources.list" ]; then
		# shellcheck disable=SC2016 # apt fills these in
		apt-get indextargets --format 'deb-src $(SITE) $(CODENAME) $(COMPONENT) $(LABEL)' \
			'Created-By: Packages' | sed -n 's/ Debian$//p' | sort -u >"$folder/apt/sources.list"
		mkdir -p "$folder/apt/lists/partial"
		apt-get -q "${private[@]}" update >"$folder/apt/log" 2>&1
	fi
	get "$package" || echo "sources: no source of $package could be had"
done
exit 0
