#!/bin/sh
# Runs k6 with the given arguments: the one in PATH, or else a version that Go builds.
if command -v k6 >/dev/null; then
	exec k6 "$@"
fi
exec go run go.k6.io/k6@v1.8.1 "$@"
