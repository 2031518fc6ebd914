#!/usr/bin/env bash
# From nothing to `GET /graph` of the serverless API, on a local AWS: the functions' zips, the stack of deployments/aws
# by Terraform, configs in Parameter Store, the graph, a token, a request; then everything is destroyed again.
#
# Starts ministack (an AWS that runs Lambda functions) and a Gremlin Server on free ports of the loopback address, and
# stops them at the end. Works in a temporary folder, which is removed at the end; KEEP=1 keeps it. Needs bash, the
# .venv that `make setup` makes, Java and Maven, Linux on x86-64, and once the package indexes of Python and Maven.
set -euo pipefail
exec 2>&1 # one stream: in a CI log, what a command says stays where it said it

example=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(cd "$example/../.." && pwd)
programs=$repository/.venv/bin
python=${PYTHON:-$programs/python}
unset PYTHON KARMA_PROJECT_DIR PREFECT_API_URL GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_ENDPOINT_URL
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_EC2_METADATA_DISABLED=true
export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_DEFAULT_REGION=eu-central-1
export TF_IN_AUTOMATION=1 PYTHONPATH=$repository
SECONDS=0

if [ ! -x "$python" ]; then
  echo "There is no $python: run \`make setup\` first."
  exit 1
fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/karma-demo-serverless.XXXXXX")
local_aws=
gremlin=
finish() {
  for process in $local_aws $gremlin; do kill "$process" 2> /dev/null || true; done
  if [ -n "$local_aws" ]; then wait "$local_aws" 2> /dev/null || true; fi
  if [ -z "${KEEP:-}" ]; then rm -rf "$folder"; else echo "Kept: $folder"; fi
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

heading() {
  printf '\n\n=== %s\n' "$1"
}

run() {
  printf '\n$ %s\n' "$*"
  "$@"
}

karma() {
  "$python" -P -m karma_cli "$@"
}

# Terraform where there is one on PATH, else the one that Karma brings.
mapfile -t terraform_words < <("$python" -c 'from karma_adapters.terraform import binary; print(*binary.find("").words, sep="\n")')
terraform() {
  (cd "$folder/stack/local" && "${terraform_words[@]}" "$@")
}

# The address that a program prints in a file, once it is there.
address() {
  for _ in $(seq 1800); do
    if grep -Eqs "$1" "$2"; then
      grep -Eo "$1" "$2" | head -n 1
      return 0
    fi
    kill -0 "$3" 2> /dev/null || break
    sleep 0.2
  done
  cat "$2"
  echo "It did not start."
  exit 1
}

heading "1. A local AWS that runs functions, a Gremlin Server, the AWS provider"
mkdir "$folder/aws"
(cd "$repository" && exec "$python" -m tests.integration.ministack "$folder/aws") > "$folder/local-aws.txt" &
local_aws=$!
(cd "$repository" && exec "$python" -m tests.integration.gremlin_server 0) > "$folder/gremlin.txt" &
starting=$!
TF_CLI_CONFIG_FILE=$("$python" "$repository/examples/aws/provider_mirror.py" "$repository/build/aws-provider")
export TF_CLI_CONFIG_FILE
endpoint=$(address 'http://[0-9.:]+' "$folder/local-aws.txt" "$local_aws")
wait "$starting"
graph=$(address 'ws://[0-9.:]+/gremlin' "$folder/gremlin.txt" $$)
gremlin=$(sed -n 's/.*kill -15 \([0-9]*\).*/\1/p' "$folder/gremlin.txt")
echo "    AWS answers at $endpoint, the graph is at $graph."

heading "2. The functions' zips"
(cd "$repository" && run "$python" -m karma_lambda.packaging)

heading "3. The stack: tables, bucket, bus and queues, functions with their roles, HTTP API"
run "$python" "$example/local_copy.py" "$folder/stack"
export TF_VAR_aws_endpoint=$endpoint TF_VAR_gremlin_url=$graph TF_VAR_package_dir=$repository/build/lambda
export TF_VAR_name=karma-demo TF_VAR_environment=dev
terraform init -input=false -no-color > "$folder/init.txt"
terraform apply -input=false -no-color -auto-approve -parallelism=20 > "$folder/apply.txt" || {
  tail -n 40 "$folder/apply.txt"
  exit 1
}
grep '^Apply complete' "$folder/apply.txt"
terraform output -json > "$folder/outputs.json"

heading "4. A project for the same stores, its configs and its graph"
mkdir "$folder/project"
cp -R "$repository/examples/aws/iac" "$repository/examples/aws/components" "$folder/project"
"$python" "$example/settings.py" "$folder/outputs.json" > "$folder/project/karma.toml"
cd "$folder/project"
run karma config publish
run karma graph build

heading "5. The first token, and the graph over the API"
token=$(karma token create demo@example.org --role viewer --json | "$python" -c 'import json, sys; print(json.load(sys.stdin)["token"])')
api=$("$python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["api_id"]["value"])' "$folder/outputs.json")
printf '\n$ GET /graph\n'
"$python" "$example/ask.py" "$endpoint" "$api" "$token" /graph

heading "6. Destroy: nothing is left"
terraform destroy -input=false -no-color -auto-approve -parallelism=20 > "$folder/destroy.txt" || {
  tail -n 40 "$folder/destroy.txt"
  exit 1
}
grep '^Destroy complete' "$folder/destroy.txt"
run "$python" "$example/left.py" "$endpoint" karma-demo --empty

heading "Done in $SECONDS s"
