#!/bin/sh
# Prints scripts/valkey.acl with passwords: acl.sh DIR keeps one a user in DIR/valkey_USER_password and
# makes those that are missing. By the shell alone: an argument of sed would show the passwords
# to whoever lists processes.
set -eu
dir=$1
cd "$(dirname "$0")/.."
while IFS= read -r line; do
	for user in ADMIN INGEST FLUSHER ALERTER FLAGMETER; do
		case $line in
		*">${user}_PASSWORD "*)
			file=$dir/valkey_$(printf %s "$user" | tr '[:upper:]' '[:lower:]')_password
			[ -s "$file" ] || od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$file"
			line="${line%%">${user}_PASSWORD "*}>$(cat "$file") ${line#*">${user}_PASSWORD "}"
			;;
		esac
	done
	printf '%s\n' "$line"
done <valkey.acl
