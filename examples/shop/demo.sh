#!/usr/bin/env bash
# The whole job on the example shop: Git to graph to plan to deploy, one change, and the log that says why.
#
# Works on a copy in a temporary folder, which is removed at the end; KEEP=1 keeps it.
# Needs bash, git and the .venv that `make setup` makes (or KARMA=path/to/karma). It reaches no network.
set -euo pipefail
exec 2>&1 # one stream: in a CI log, what a command says stays where it said it

shop=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$shop/../.." && pwd)
karma_program=${KARMA:-$repository/.venv/bin/karma}
unset KARMA # it is this script's; Karma refuses KARMA variables that name no setting of its own
# What could lead the commands below to another project, server or repository.
unset KARMA_PROJECT_DIR KARMA_PROJECT__ORCHESTRATOR PREFECT_API_URL GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
export KARMA_ENV=prod
SECONDS=0

if [ ! -x "$karma_program" ]; then
  echo "There is no $karma_program: run \`make setup\` first, or set KARMA to the karma program."
  exit 1
fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/karma-demo.XXXXXX")
remove() {
  if [ -z "${KEEP:-}" ]; then rm -rf "$folder"; else echo "Kept: $folder"; fi
}
trap remove EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

heading() {
  printf '\n\n=== %s\n' "$1"
}

say() {
  printf '    %s\n' "$@" | sed 's/ *$//'
}

run() {
  printf '\n$ %s\n' "$*"
  "$@"
}

karma() {
  "$karma_program" "$@"
}

# The demo checks what it shows: status of a component in the table of the deploy that ran last.
expect() {
  if ! grep -Eq "^$1 +$2 " "$folder/deploy.txt"; then
    echo "UNEXPECTED: $1 should be $2"
    exit 1
  fi
}

deploy() {
  printf '\n$ karma deploy %s\n' "$*"
  karma deploy "$@" | tee "$folder/deploy.txt"
}

event_id() {
  karma log grep --action "$1" --component "$2" --limit 1 --json |
    sed -n 's/^ *"id": "\(.*\)",*$/\1/p'
}

commit() {
  run git add --all
  run git -c user.name=Demo -c user.email=demo@example.org -c commit.gpgsign=false commit --quiet -m "$1"
}

heading "1. A project in Git"
say "22 components of 17 types, 43 dependencies that nobody wrote down as such."
cp -R "$shop/iac" "$shop/components" "$shop/bin" "$shop/karma.toml" "$folder"
cd "$folder"
printf '.karma/\n*.txt\n' > .gitignore
run git -c init.defaultBranch=main init --quiet
commit "The shop"
run karma doctor

heading "2. Publish the configs"
run karma config publish

heading "3. Build the graph, check it, look at it"
run karma graph build
run karma graph validate
run karma graph show
run karma graph export --format mermaid
run karma graph path dashboard/operations vpc/core
run karma graph impact vpc core

heading "4. Plan everything; nothing is applied"
printf '\n$ karma plan --all\n'
karma plan --all > plan.txt
sed '/^$/,$d' plan.txt
say "… what Terraform says of each stands in plan.txt ($(wc -l < plan.txt) lines) …"
tail -n 1 plan.txt

heading "5. Deploy everything: Terraform for real, as a Prefect flow on a server of its own"
deploy --all --auto-approve
expect vpc/core applied
expect dashboard/operations applied

heading "6. Deploy again: nothing to do, so nothing runs"
deploy --all --auto-approve
expect vpc/core unchanged

heading "7. One change: a second name server for the network"
sed -i.bak 's/"dns_servers": \["192.0.2.2"\]/"dns_servers": ["192.0.2.2", "198.51.100.2"]/' \
  iac/prod/vpc/core/config.json
rm iac/prod/vpc/core/config.json.bak
run git --no-pager diff --unified=0
commit "A second name server"
run karma config diff
run karma config publish
run karma graph build
run karma graph query stale
run karma plan vpc core

heading "8. Deploy it: two follow, the rest of the cone is cut off"
deploy vpc core --auto-approve
expect vpc/core applied
expect ecs-cluster/main applied
expect config-agent/edge reloaded
expect security-group/web cut_off
say "" "Applied: the network, and the cluster, which consumes dns_servers." \
  "Reloaded: the agent, by the command that its type names. It left this line:"
run cat .karma/reloads.log
say "" "Cut off: whoever consumes of the network only what is as it was."

heading "9. Why was the cluster applied?"
applied=$(event_id terraform_apply ecs-cluster/main)
run karma log list --component ecs-cluster/main
say "" "The last event is the outcome; its cause is the intent, whose cause is what the network published:"
for _ in 1 2 3; do
  run karma log show "$applied"
  applied=$(karma log show "$applied" --json | sed -n 's/^ *"cause": "\(.*\)",*$/\1/p')
  [ -n "$applied" ] || break
done

heading "10. The log"
run karma log list --limit 15
run karma log grep --action reload
run karma log diff --before 2000-01-01 --after 2999-01-01
run karma log verify
run karma graph history

heading "Done in $SECONDS s. Where everything is"
say "project           $folder" \
  "configs, modules  iac/, components/" \
  "parameters        .karma/prod/parameters.sqlite" \
  "graph             .karma/prod/graph.sqlite, snapshots below .karma/prod/artifacts/" \
  "plans             .karma/prod/artifacts/, masked; binary plans in .karma/prod/private/ until applied" \
  "Terraform state   .karma/prod/tfstate/" \
  "log               .karma/prod/log.sqlite and .karma/prod/log.jsonl" \
  "journal, leases   .karma/prod/state.sqlite" \
  "Prefect's runs    .karma/prefect/"
if [ -z "${KEEP:-}" ]; then
  say "" "The folder is removed now; \`make demo KEEP=1\` keeps it."
fi
