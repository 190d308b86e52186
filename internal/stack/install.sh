#!/bin/sh
# Installs what FlagMeter needs on a developer's machine and this machine lacks.
#
#   install.sh run     Go, Valkey (or Redis 7), Postgres 15 or newer: enough for `make run`
#   install.sh test    the same, a C compiler, which `go test -race` wants, Chromium or
#                      Chrome, in which the dashboard is tested, Prometheus with promtool,
#                      which ask the queries of grafana/, and HAProxy, which test/compose runs
#
# Says nothing when all is there. Uses apt on Debian and Ubuntu, brew on macOS; elsewhere, or
# when that fails, it prints the lines to type and exits with 1. No service is started, now or
# at the next boot, and no Postgres cluster is made: FlagMeter runs private servers of its own
# (see find.go for where it looks for them).
set -eu

has() { command -v "$1" >/dev/null 2>&1; }

at_least() { [ "${2:-0}" -ge "$1" ]; }

# has_version PROGRAM MAJOR: it runs, and the first number it says for --version is enough.
# Without sed: this runs before each build.
has_version() {
	said=$("$1" --version 2>/dev/null) || return 1
	said=${said#"${said%%[0-9]*}"}
	at_least "$2" "${said%%[!0-9]*}"
}

has_valkey() { has valkey-server || { has redis-server && has_version redis-server 7; }; }

has_postgres() {
	if [ -n "${FLAGMETER_PG_BIN-}" ]; then
		set -- "$FLAGMETER_PG_BIN"
	else
		set -- /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
			/opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin
		if has postgres && has initdb && has_version postgres 15; then
			return 0
		fi
	fi
	for dir; do
		if [ -x "$dir/postgres" ] && [ -x "$dir/initdb" ] && has_version "$dir/postgres" 15; then
			return 0
		fi
	done
	return 1
}

# The race detector needs the C library's headers too; on macOS they come with clang.
has_compiler() {
	case $(uname) in
	Darwin) xcode-select -p >/dev/null 2>&1 ;;
	*) has "${CC:-gcc}" && { [ -n "${CC-}" ] || [ -e /usr/include/stdlib.h ]; } ;;
	esac
}

# The same names as in web/browsertest/browser.go.
has_browser() {
	[ -z "${FLAGMETER_CHROMIUM-}" ] || { has "$FLAGMETER_CHROMIUM" && return; }
	for program in chromium chromium-browser google-chrome google-chrome-stable \
		/Applications/Chromium.app/Contents/MacOS/Chromium \
		'/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'; do
		has "$program" && return
	done
	return 1
}

# As in grafana/rules_test.go.
has_prometheus() {
	if [ -n "${FLAGMETER_PROMETHEUS-}" ]; then
		has "$FLAGMETER_PROMETHEUS" && has "${FLAGMETER_PROMETHEUS%/*}/promtool"
	else
		has prometheus && has promtool
	fi
}

# As in test/compose/dockerproxy_test.go. On Debian only root has it in PATH.
has_haproxy() {
	if [ -n "${FLAGMETER_HAPROXY-}" ]; then
		has "$FLAGMETER_HAPROXY"
	else
		has haproxy || [ -x /usr/sbin/haproxy ]
	fi
}

# missing: the words valkey, postgres, compiler, browser, prometheus, haproxy, as far as they are
# missing for $1
missing() {
	list=
	has_valkey || list="$list valkey"
	has_postgres || list="$list postgres"
	[ "$1" != test ] || has_compiler || list="$list compiler"
	[ "$1" != test ] || has_browser || list="$list browser"
	[ "$1" != test ] || has_prometheus || list="$list prometheus"
	[ "$1" != test ] || has_haproxy || list="$list haproxy"
	echo "$list"
}

# --- Debian, Ubuntu: this part runs as root ---------------------------------------------

apt() {
	# Somebody else may hold the lock: unattended upgrades, mostly.
	DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@" >/dev/null
}

# A failed update is no reason to stop: the lists that are there may do.
apt_update() { apt update || { sleep 5 && apt update; } || true; }

# candidate: the major version that apt would install of package $1; empty if none
candidate() { apt-cache policy "$1" | sed -n 's/^ *Candidate: *\([0-9]*:\)\{0,1\}\([0-9][0-9]*\).*/\2/p'; }

codename() { sed -n 's/^VERSION_CODENAME=//p' /etc/os-release; }

add_backports() {
	# From the mirror that the machine uses already, if apt tells which.
	# shellcheck disable=SC2016 # apt-get expands it
	mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Codename: bookworm' 'Label: Debian' 2>/dev/null | head -n 1)
	cat >/etc/apt/sources.list.d/bookworm-backports.sources <<-EOT
		Types: deb
		URIs: ${mirror:-http://deb.debian.org/debian}
		Suites: bookworm-backports
		Components: main
		Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
	EOT
	apt_update
}

install_valkey() {
	if [ -z "$(candidate valkey-server)" ] && [ "$(codename)" = bookworm ]; then
		add_backports
	fi
	if [ -z "$(candidate valkey-server)" ]; then
		at_least 7 "$(candidate redis-server)" || return 0
		server=redis-server
		apt install -y --no-install-recommends redis-server
	elif apt-cache policy valkey-server | grep -q bookworm-backports; then
		server=valkey-server
		apt install -y --no-install-recommends -t bookworm-backports valkey-server
	else
		server=valkey-server
		apt install -y --no-install-recommends valkey-server
	fi
	silence "$server"
}

# silence SERVICE: stop it, in case somebody's own policy let it start, and keep it from starting
# at the next boot.
silence() {
	invoke-rc.d "$1" stop >/dev/null 2>&1 || true
	update-rc.d "$1" disable >/dev/null 2>&1 || true
}

install_postgres() {
	at_least 15 "$(candidate postgresql)" || return 0
	apt install -y --no-install-recommends postgresql
}

# Ubuntu's package, version 1, only leads to a snap, which does not run everywhere.
install_browser() {
	at_least 100 "$(candidate chromium)" || return 0
	apt install -y --no-install-recommends chromium fonts-dejavu-core
}

# Without its recommended exporter, which would watch the machine.
install_prometheus() {
	[ -n "$(candidate prometheus)" ] || return 0
	apt install -y --no-install-recommends prometheus
	silence prometheus
}

install_haproxy() {
	[ -n "$(candidate haproxy)" ] || return 0
	apt install -y --no-install-recommends haproxy
	silence haproxy
}

# Two files that are there during the installation only: one forbids packages to start their
# services, the other keeps postgresql-common from making a cluster on port 5432.
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/flagmeter.conf

install_with_apt() {
	trap 'rm -f "$cluster" ${made_policy:+"$policy"}' EXIT
	trap 'exit 1' INT TERM HUP
	if [ ! -e "$policy" ]; then
		made_policy=yes
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
	fi
	mkdir -p "${cluster%/*}"
	echo 'create_main_cluster = false' >"$cluster"
	apt_update
	for what; do
		case $what in
		valkey) install_valkey ;;
		postgres) install_postgres ;;
		compiler) apt install -y --no-install-recommends gcc libc6-dev ;;
		browser) install_browser ;;
		prometheus) install_prometheus ;;
		haproxy) install_haproxy ;;
		esac
	done
}

# --- the caller --------------------------------------------------------------------------

say() { echo "$*" >&2; }

# say_lines WORDS: what is missing, and the lines to type.
say_lines() {
	say "FlagMeter needs, and does not find:$*."
	if docker compose version >/dev/null 2>&1; then
		say 'With Docker and Go you can run it, but not its tests, as compose.dev.yml says at its top.'
	fi
	if [ "$(uname)" = Darwin ]; then
		say 'Type (brew is at https://brew.sh):'
		say '    brew install valkey postgresql@17'
		say '    xcode-select --install'
	elif has apt-get; then
		say 'Type, as root:'
		if [ "$(codename)" = bookworm ]; then
			say "    echo 'deb http://deb.debian.org/debian bookworm-backports main' >/etc/apt/sources.list.d/bookworm-backports.list"
		fi
		say '    apt-get update'
		say '    apt-get install --no-install-recommends valkey-server postgresql gcc libc6-dev chromium prometheus haproxy'
		say 'If Postgres is older than 15 then, type first:'
		say '    apt-get install postgresql-common && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y'
	elif has dnf; then
		say 'Type, as root:'
		say '    dnf install valkey postgresql-server gcc glibc-devel'
	elif has pacman; then
		say 'Type, as root:'
		say '    pacman -S valkey postgresql gcc'
	elif has apk; then
		say 'Type, as root:'
		say '    apk add valkey postgresql17 gcc musl-dev'
	else
		say 'Put valkey-server (https://valkey.io/download), postgres and initdb'
		say '(https://www.postgresql.org/download) into PATH, and a C compiler for the tests.'
	fi
}

check_go() {
	has go && return
	if [ -x /usr/local/go/bin/go ]; then
		say 'Go is installed but not in PATH. Type:'
		# shellcheck disable=SC2016 # to be typed as it stands
		say '    export PATH=$PATH:/usr/local/go/bin'
	else
		say 'FlagMeter needs Go 1.26 or newer: see https://go.dev/dl'
	fi
	exit 1
}

main() {
	check_go
	list=$(missing "$1")
	[ -n "$list" ] || return 0
	installing="installing:$list (no service will be started)"
	# shellcheck disable=SC2086 # words on purpose
	if [ "$(uname)" = Darwin ] && has brew; then
		say "$installing"
		for what in $list; do
			case $what in
			valkey) brew install valkey ;;
			postgres) brew install postgresql@17 ;;
			browser) brew install --cask chromium ;;
			prometheus) brew install prometheus ;;
			haproxy) brew install haproxy ;;
			esac
		done || true
	elif has apt-get && [ "$(id -u)" = 0 ]; then
		say "$installing"
		sh "$0" apt $list || true
	elif has apt-get && has sudo; then
		say "$installing"
		sudo sh "$0" apt $list || true
	fi
	list=$(missing "$1")
	[ -n "$list" ] || return 0
	# The tests can do without these three; in CI they insist.
	needed=
	for what in $list; do
		case $what in
		browser) say 'FlagMeter finds neither Chromium nor Chrome: the tests of the dashboard are skipped.' ;;
		prometheus) say 'FlagMeter does not find prometheus and promtool: the tests of grafana/ are skipped.' ;;
		haproxy) say 'FlagMeter does not find haproxy: the test of dockerproxy is skipped.' ;;
		*) needed="$needed $what" ;;
		esac
	done
	[ -n "$needed" ] || return 0
	say_lines "$needed"
	exit 1
}

case ${1-} in
apt)
	shift
	install_with_apt "$@"
	;;
run | test) main "$1" ;;
*)
	say "usage: $0 run|test"
	exit 2
	;;
esac
