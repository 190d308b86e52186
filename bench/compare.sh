#!/bin/sh
# Compares the Go benchmarks of this tree with those of another revision:
#
#   sh bench/compare.sh REVISION [REGEXP [COUNT]]
#
# Without REGEXP these are the hot paths. Both take turns, COUNT of them (6), so that a busy
# moment of the machine falls on both; benchstat then says which differences are more than
# noise. `make bench-compare BASE=HEAD~1 BENCH=Decode` does the same.
set -eu

base=$1 bench=${2:-'Decode|AppendLine|Submission|Sums|GroupCall|Committer|Ingest|Usage|Features|Turn|PeriodAt'} count=${3:-6}
benchstat=golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
dir=$(mktemp -d)
trap 'git worktree remove --force "$dir/base" 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM

git worktree add --quiet --detach "$dir/base" "$base"
measure() { # the tree's directory, the file for the figures
	(cd "$1" && go test -run '^$' -bench "$bench" -benchmem -benchtime 0.2s ./ingest ./scripts ./internal/meter) >>"$2"
}
turn=0
while [ "$turn" -lt "$count" ]; do
	measure "$dir/base" "$dir/base.txt"
	measure . "$dir/here.txt"
	turn=$((turn + 1))
done
go run "$benchstat" "base=$dir/base.txt" "here=$dir/here.txt"
