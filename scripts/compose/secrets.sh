#!/bin/sh
# Makes the secrets of docker-compose.yml in secrets/, once: those that are there stay. The
# directory is closed to other users; its files are open, since each container reads its own as
# another user.
set -eu
cd "$(dirname "$0")/../.."
dir=${1:-secrets}
mkdir -p "$dir"
chmod 700 "$dir"
umask 022

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

for name in postgres_admin postgres_owner postgres_app postgres_ingest postgres_grafana \
	valkey_admin valkey_flagmeter grafana_admin; do
	[ -s "$dir/${name}_password" ] || random >"$dir/${name}_password"
done

read_secret() { cat "$dir/$1_password"; }

for role in owner app ingest; do
	printf 'postgres://flagmeter_%s:%s@postgres:5432/flagmeter?sslmode=disable' \
		"$role" "$(read_secret "postgres_$role")" >"$dir/${role}_url"
done
printf 'redis://flagmeter:%s@valkey:6379/0' "$(read_secret valkey_flagmeter)" >"$dir/valkey_url"
# By the shell alone: an argument of sed would show the passwords to whoever lists processes.
while IFS= read -r line; do
	case $line in
	*ADMIN_PASSWORD*) printf '%s%s%s\n' "${line%%ADMIN_PASSWORD*}" "$(read_secret valkey_admin)" "${line#*ADMIN_PASSWORD}" ;;
	*FLAGMETER_PASSWORD*) printf '%s%s%s\n' "${line%%FLAGMETER_PASSWORD*}" "$(read_secret valkey_flagmeter)" "${line#*FLAGMETER_PASSWORD}" ;;
	*) printf '%s\n' "$line" ;;
	esac
done <scripts/valkey.acl >"$dir/valkey_acl"
