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

for name in postgres_admin postgres_owner postgres_app postgres_ingest postgres_flusher postgres_grafana \
	grafana_admin; do
	[ -s "$dir/${name}_password" ] || random >"$dir/${name}_password"
done

dir=$(cd "$dir" && pwd)
sh scripts/compose/acl.sh "$dir" >"$dir/valkey_acl"

read_secret() { cat "$dir/$1_password"; }

for role in owner app ingest flusher; do
	printf 'postgres://flagmeter_%s:%s@postgres:5432/flagmeter?sslmode=disable' \
		"$role" "$(read_secret "postgres_$role")" >"$dir/${role}_url"
done
printf 'redis://flagmeter:%s@valkey:6379/0' "$(read_secret valkey_flagmeter)" >"$dir/valkey_url"
for role in ingest flusher alerter; do
	printf 'redis://flagmeter_%s:%s@valkey:6379/0' "$role" "$(read_secret "valkey_$role")" >"$dir/valkey_${role}_url"
done
