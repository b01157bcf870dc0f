#!/bin/bash
# SPDX-License-Identifier: MIT
# watched.bash ADDRESS PORT PROGRAM: three programs that reset their peer: this shell, curl and
# PROGRAM; the last two also with an environment that begins anew.
exec 3<>"/dev/tcp/$1/$2"
printf 'GET / HTTP/1.1\r\n\r\n' >&3
read -r -n 1 -u 3 # the answer is there
exec 3<&-
give_up='-sS --max-filesize 1000 -o /dev/null'
# shellcheck disable=SC2086 # these are several words
{
	curl $give_up "http://$1:$2/"
	env -i curl $give_up "http://$1:$2/"
}
"$3"
env -i "VICTIM_ADDRESS=$1" "$3"
true
