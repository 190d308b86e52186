#!/bin/sh
# Cuts a transaction that a crash has left unfinished off the end of Valkey's append-only file,
# then becomes PROGRAM, if there is one:
#
#   mend-aof.sh DIR [PROGRAM ARGUMENT...]     DIR is Valkey's data directory
#
# Valkey does not count such a transaction, but it may leave the first commands of it in the file
# (seen with 8.0.1). The next transaction stands behind them, and the next start but one runs both
# as one: usage grows by an event that nobody has acknowledged.
#
# It cuts only where the file ends too early, as Valkey itself would. All other damage is Valkey's
# to judge: `valkey-check-aof --fix` would cut off everything behind it, acknowledged events too.
#
# It takes valkey-check-aof (or the program in CHECK_AOF) and nothing else but the shell, so it
# runs in the official image and within the limits of Debian's unit.
set -eu
nl='
'
say() { printf 'mend-aof: %s\n' "$*" >&2; }

# torn FOUND SIZE: the file of SIZE bytes ends too early. FOUND is the line in which
# valkey-check-aof says what is wrong; it says nothing of an end between two lines.
torn() {
	case $1 in
	0x*': Reached EOF before '* | 0x*': Expected to read '*' bytes, got '*) ;;
	0x*': Expected \r\n, got: '*)
		# The end of the file within a line like "$12\r\n", or wrong bytes before its end.
		at=${1%%: *}
		[ $(($2 - 0x${at##* })) -le 12 ]
		;;
	0x* | *'format error') return 1 ;;
	esac
}

mend() {
	check=${CHECK_AOF:-$(command -v valkey-check-aof || command -v redis-check-aof || :)}
	if [ -z "$check" ]; then
		say 'valkey-check-aof was not found, so the append-only file is not checked'
		return
	fi
	said=$("$check" "$1" 2>&1 </dev/null) && return
	found=${said%"$nl"AOF analyzed: filename=*}
	found=${found##*"$nl"}
	what=${said##*AOF analyzed: filename=} # NAME, size=N, …
	size=${what#*size=}
	case $what in
	*'Use the --fix option'*) ;;
	*) found='0x: something else than the analysis has failed' ;;
	esac
	if ! torn "$found" "${size%%,*}"; then
		say "the append-only file is damaged, and not by an early end: nothing is changed. $check:"
		say "$said"
		return
	fi
	if ! said=$(echo y | "$check" --fix "$1" 2>&1); then
		say "$check --fix has failed: $said"
		exit 1
	fi
	say "cut off what a crash has left unfinished: ${what%%"$nl"*}"
}

dir=$1
shift
manifest=$dir/appendonlydir/appendonly.aof.manifest
[ ! -e "$manifest" ] || mend "$manifest"
[ $# = 0 ] || exec "$@"
