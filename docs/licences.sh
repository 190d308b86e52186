#!/bin/sh
# Prints docs/LICENCES.md; $1 is the go-licenses to use. See `make licences`.
set -eu
cat <<'HEAD'
# Licences

What `flagmeter` is made of, and under which licence. `make licences` renews this list,
`make sbom` writes it as CycloneDX with versions and digests.

| module | licence |
|---|---|
HEAD
list=$(mktemp)
trap 'rm -f "$list"' EXIT
go run "$1" report . --ignore github.com/eduardosanzb/flagmeter 2>/dev/null >"$list"
# A package's line counts for its module: the longest module path that it begins with.
go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}' . | sort -u | while read -r module; do
	licence=$(awk -F, -v m="$module" '$1 == m || index($1, m "/") == 1 { print $3 }' "$list" | sort -u | paste -sd, - | sed 's/,/, /g')
	echo "| \`$module\` | ${licence:-unknown} |"
done
cat <<'TAIL'
| Go's standard library and runtime | BSD-3-Clause |
| `internal/price/shipped/prices.csv`, from genai-prices | MIT |
| `web/static/vendor/uplot` | MIT |
TAIL
