#!/usr/bin/env bash
# Look up the digests of the images that Karma's containers are made from, and write them to .env beside this
# file, which docker compose reads. Keep the file with your project: what is built then is what you looked at.
set -euo pipefail
cd "$(dirname "$0")"
images=(
  "PYTHON_DIGEST docker.io/library/python:3.11-slim-bookworm"
  "TERRAFORM_DIGEST docker.io/hashicorp/terraform:1.11.4"
  "POSTGRES_DIGEST docker.io/library/postgres:17"
  "GREMLIN_DIGEST docker.io/tinkerpop/gremlin-server:3.7.5"
)
lines=""
for entry in "${images[@]}"; do
  read -r name image <<<"$entry"
  digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$image")
  [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || { echo "$image has no digest: $digest" >&2; exit 1; }
  lines+="# $image"$'\n'"$name=$digest"$'\n'
done
touch .env
{ grep -vE '^([A-Z]+_DIGEST=|# docker\.io/)' .env || true; printf '%s' "$lines"; } >.env.new
mv .env.new .env
printf '%s' "$lines"
