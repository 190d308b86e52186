#!/bin/sh
# Makes the next migration: migration.sh add_x. There is no way down; see CONTRIBUTING.md.
set -eu
cd "$(dirname "$0")/../../sql/migrations"
case ${1-} in
'' | *[!a-z0-9_]* | [!a-z]*)
	echo 'usage: make migration NAME=add_x (lower case letters, digits and _)' >&2
	exit 2
	;;
esac
last=$(find . -name '[0-9][0-9][0-9][0-9]_*.sql' | sort | tail -n 1)
last=${last#./}
last=${last%%_*}
file=$(printf '%04d_%s.sql' "$((1${last:-0000} - 10000 + 1))" "$1")
cat >"$file" <<SQL
-- +migrate Up
-- The previous version still runs while this is applied: add first, remove in a later release.
-- A new table needs its rights in sql/grants.sql.
SQL
echo "sql/migrations/$file"
