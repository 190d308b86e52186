# Runs one server and stops it when the caller closes its pipe or dies.
#   $1    the directory to run in
#   $2    the signals that stop the server, mildest first
#   $3    how long each of them has to work, in tenths of a second
#   $4... the server's command line
#   fd 3  the caller's pipe: each line a signal to pass on; its end means stop
#   fd 4  inherited by everything below, see doc.go; fd 5 likewise
# Exits with the server's status. The server gets neither fd 3 nor a terminal.
cd "$1" || exit 1
stop=$2
patience=$3
shift 3

"$@" </dev/null 3<&- &
server=$!

{
	while read -r signal; do
		kill -s "$signal" "$server"
	done
	for signal in $stop; do
		kill -s "$signal" "$server"
		tries=0
		while [ "$tries" -lt "$patience" ] && kill -0 "$server"; do
			sleep 0.1 4>&- 5>&-
			tries=$((tries + 1))
		done
	done
} <&3 >/dev/null 2>&1 &
guard=$!

exec 3<&-
wait "$server"
status=$?
kill "$guard"
exit $status
