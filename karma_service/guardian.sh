# Ends what a service started when its supervisor has gone.
#
#   sh guardian.sh MARK GRACE_SECONDS
#
# Started with a pipe as standard input whose other end the supervisor holds. When that end closes (it was
# killed: one that ends in order kills the guardian first) every process whose environment has the variable
# MARK (`NAME=value`) gets SIGINT, which lets Terraform save its state, and SIGKILL after the grace.
mark=$1
left=$2
trap '' INT TERM HUP
read -r _

marked() {
    for file in /proc/[0-9]*/environ; do
        tr '\0' '\n' <"$file" 2>/dev/null | grep -qxF -- "$mark" || continue
        process=${file#/proc/}
        echo "${process%/environ}"
    done
}

for process in $(marked); do kill -s INT "$process" 2>/dev/null; done
while [ "$left" -gt 0 ] && [ -n "$(marked)" ]; do
    sleep 1
    left=$((left - 1))
done
for process in $(marked); do kill -s KILL "$process" 2>/dev/null; done
exit 0
