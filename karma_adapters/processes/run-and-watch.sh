# Runs a command so that it is interrupted when whoever started it has gone, and may then save its work.
#
#   sh run-and-watch.sh SAVE_SECONDS CODE_FILE COMMAND [WORD…]
#
# Started as leader of a session of its own, with a pipe as standard input whose other end its starter holds.
# When that end closes (the starter asked for it, or was killed) the group gets SIGINT, which lets Terraform
# save its state; after SAVE_SECONDS SIGTERM, and 5 seconds later SIGKILL. The command itself reads nothing.
# Its exit code is written to CODE_FILE, unless that is empty: it ended by itself.
save=$1
code_file=$2
shift 2
exec 3<&0 </dev/null
stopping=
# A handler, not an ignored signal: the command would inherit the latter.
trap 'stopping=1' INT TERM HUP
(
    # The group's signals must not end the watcher, which still has to see to the end.
    trap '' INT TERM HUP
    read -r _ <&3
    # A command that is only being started would lose it: until it is executed, its process has our handler.
    sleep 0.5
    kill -s INT -- -$$
    sleep "$save"
    kill -s TERM -- -$$
    sleep 5
    kill -s KILL -- -$$
) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
"$@"
code=$?
[ -z "$code_file" ] || echo "$code" >"$code_file"
kill -s KILL "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null
# What the command left running (a provisioner, say) ends with it, but only if it was stopped.
[ -z "$stopping" ] || kill -s KILL -- -$$
exit "$code"
