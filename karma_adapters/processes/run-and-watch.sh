# Runs a command so that it ends with whoever started it.
#
#   sh run-and-watch.sh GRACE_SECONDS COMMAND [WORD…]
#
# Started as leader of its own process group, with a pipe as standard input whose other end its starter holds.
# When that end closes (the starter asked for it, or was killed) the group gets SIGINT, which lets Terraform
# save its state, and SIGKILL after the grace. The command itself reads nothing.
grace=$1
shift
exec 3<&0 </dev/null
stopping=
# A handler, not an ignored signal: the command would inherit the latter.
trap 'stopping=1' INT TERM
(
    # The group's SIGINT must not end the watcher, which still has to see to the grace.
    trap '' INT
    read -r _ <&3
    # A command that is only being started would lose it: until it is executed, its process has our handler.
    sleep 0.5
    kill -s INT -- -$$
    sleep "$grace"
    kill -s KILL -- -$$
) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
"$@"
code=$?
kill -s KILL "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null
# What the command left running (a provisioner, say) ends with it, but only if it was stopped.
[ -z "$stopping" ] || kill -s KILL -- -$$
exit "$code"
