"""What goes over the wire to AWS in a whole job.

No secret, but to Parameter Store and Terraform's states, and nothing that the least policy does not allow.
"""

from __future__ import annotations

import base64
import json
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from karma_adapters.aws.iam_policy import policy
from karma_adapters.wiring.reading import read_settings
from tests import fork_server, local_aws
from tests.faulty_aws import Call, FaultyAws, faulty_aws
from tests.integration.test_aws_stores import IN_AWS, LOCAL, ROOT
from tests.secret_encodings import ENCODED, SECRETS, forms, standing_in
from tests.small_systems import HEAD

pytestmark = [pytest.mark.xdist_group("aws-wire"), pytest.mark.timeout(600)]
STORED, SEALED = "canary-in-parameter-store-7f3a", "canary-in-terraform-91bc"
"""A secret in a SecureString that others wrote, and one that only Terraform knows."""
CANARIES = forms([STORED, SEALED, *ENCODED.values()])
"""And twelve in ten encodings, which a module without marks passes on."""
MODULES = {
    "db": """
locals { password = sensitive(trimspace(file(pathexpand(var.config.password_file)))) }
resource "terraform_data" "this" { triggers_replace = local.password }
output "id" { value = terraform_data.this.id }
output "password" {
  value     = local.password
  sensitive = true
}
""",
    "app": """
locals {
  # Not marked, as a careless module has it.
  token    = var.dependencies["vault/${var.config.vault_nickname}"].token
  password = var.dependencies["db/${var.config.db_nickname}"].password
}
resource "terraform_data" "this" { triggers_replace = [local.token, local.password] }
output "runtime" { value = { id = terraform_data.this.id } }
""",
    "leak": """
locals {
  others  = var.dependencies["vault/${var.config.vault_nickname}"].others
  encoded = jsondecode(file(pathexpand(var.config.file)))
}
resource "terraform_data" "this" { input = [local.others, local.encoded] }
output "encoded" { value = local.encoded }
""",
    "broken": """
locals { password = sensitive(var.dependencies["db/${var.config.db_nickname}"].password) }
resource "terraform_data" "this" {
  provisioner "local-exec" {
    command = "echo failing with $PASSWORD >&2; exit 1"
    environment = { PASSWORD = local.password }
  }
}
""",
}
COMMANDS = """
graph show
graph query stale
graph export --format json
plan --all
deploy --all --auto-approve
log list
log export
why app/web
drift
"""
UNUSED = {
    "dynamodb:DescribeTable",
    "ssm:AddTagsToResource",
    "ssm:DeleteParameters",
    "ssm:GetParameterHistory",
    "ssm:ListTagsForResource",
}
"""Granted for what this job does not do: tags, pruning, versions that others wrote, doctor's look."""


@dataclass
class Job:
    """A project behind a recording proxy, and everything that its commands printed."""

    root: Path
    proxy: FaultyAws
    printed: str = ""

    def karma(self, words: str) -> str:
        """Run a command, whatever it ends with; what it printed on both streams."""
        ended = fork_server.python(
            ["-m", "karma_cli", *words.split()],
            folder=self.root,
            variables={**os.environ, "PYTHONPATH": str(ROOT)},
            timeout_seconds=240,
        )
        assert "Traceback" not in ended.stderr
        self.printed += ended.stdout + ended.stderr
        return ended.stdout

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def configure(self, address: str, **config: str) -> None:
        """Write a config."""
        self.write(f"iac/dev/{address}/config.json", json.dumps(config))


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    """The job, done: created, published, deployed with one component that fails, looked at in every way."""
    folder = tmp_path_factory.mktemp("wire")
    with pytest.MonkeyPatch.context() as patch:
        access = local_aws.fresh(patch)
        with faulty_aws(access.endpoint_url) as proxy:
            done = Job(folder / "project", proxy)
            (folder / "password").write_text(SEALED, "utf-8")
            done.write("karma.toml", LOCAL + IN_AWS.format(url=proxy.url))
            for component_type, body in MODULES.items():
                done.write(f"components/{component_type}/main.tf", HEAD + body)
            done.configure("db/main", password_file=str(folder / "password"))
            done.configure("app/web", vault_nickname="main", db_nickname="main")
            done.write("encoded.json", json.dumps(ENCODED))
            done.configure("leak/one", vault_nickname="main", file=str(done.root / "encoded.json"))
            done.configure("broken/one", db_nickname="main")
            local_aws.api(access, "ssm").call(
                "put_parameter",
                Name="/iac/vault/main/runtime",
                Value=json.dumps({"token": STORED, "others": SECRETS}),
                Type="SecureString",
            )
            done.karma("aws create --auto-approve")
            proxy.calls.clear()
            done.karma("config publish")
            done.karma("graph build")
            for words in COMMANDS.split("\n"):
                done.karma(words) if words else None
            for event in json.loads(done.karma("log grep --action terraform_apply --json")):
                if event["artifacts"]:
                    done.karma(f"log show {event['id']} --open")
            yield done


def test_the_job_did_what_it_should(job: Job) -> None:
    """Else there would be nothing to find: two deployed with secrets, one failed, artifacts written."""
    stored = {
        e["component"]: e["status"] for e in json.loads(job.karma("log grep --action terraform_apply --json"))
    }
    assert stored == {
        "db/main": "succeeded",
        "app/web": "succeeded",
        "leak/one": "succeeded",
        "broken/one": "failed",
    }
    kinds = {call.service for call in job.proxy.calls}
    assert kinds >= {"ssm", "dynamodb", "s3"}
    access = local_aws.Access(region=local_aws.REGION, endpoint_url=local_aws.url())
    answer = local_aws.api(access, "ssm").call(
        "get_parameter", Name="/iac/db/main/runtime", WithDecryption=True
    )
    assert answer["Parameter"]["Type"] == "SecureString"
    assert SEALED in answer["Parameter"]["Value"]


def test_no_secret_goes_to_log_state_and_artifacts(job: Job) -> None:
    """Every request to DynamoDB and S3 is searched, compressed bodies too; only Terraform's states may."""
    searched = [c for c in job.proxy.calls if c.service in {"dynamodb", "s3"} and "tfstate" not in c.path]
    assert len(searched) > 50
    for call in searched:
        for text in (call.path.encode(), *contents(call.request), *contents(call.answer)):
            assert canaries(text) == set(), (call.service, call.operation, call.path)


def test_secrets_reach_parameter_store_only_as_secure_strings(job: Job) -> None:
    """Whatever is put with one in it is encrypted, and nothing about it says it in the clear."""
    puts = [json.loads(c.request) for c in job.proxy.calls if c.operation == "PutParameter"]
    secret = [put for put in puts if canaries(json.dumps(put).encode())]
    assert [put["Type"] for put in secret] == ["SecureString", "SecureString"]
    assert all(canaries(put["Description"].encode()) == set() for put in secret)


def test_no_secret_is_printed(job: Job) -> None:
    """Results, progress, errors of a failed apply, opened artifacts, the exported log."""
    assert "broken/one" in job.printed
    assert canaries(job.printed.encode()) == set()


def test_no_secret_stays_in_the_project(job: Job) -> None:
    """The graph, caches and module archives; the private store alone may hold them, for its owner's eyes."""
    private = job.root / ".karma" / "dev" / "private"
    files = [
        path
        for path in job.root.rglob("*")
        if path.is_file() and private not in path.parents and path.name != "encoded.json"
    ]
    assert any(path.name == "graph.sqlite" for path in files)
    assert [path for path in files if any(map(canaries, contents(path.read_bytes())))] == []
    assert all(path.stat().st_mode & 0o077 == 0 for path in private.rglob("*") if path.is_file())


def test_the_least_policy_allows_all_that_was_called(job: Job) -> None:
    """Every call of Karma and of Terraform's backend: action, resource, and keys in DynamoDB."""
    statements = policy(read_settings(job.root), "dev")["Statement"]
    for call in job.proxy.calls:
        for action, resource, keys in asked(call):
            allowed = any(allows(statement, action, resource, keys) for statement in statements)
            assert allowed, (action, resource, keys)


def test_the_least_policy_grants_nothing_unused(job: Job) -> None:
    """Each action is one that the job called, or one of the few that it had no occasion for."""
    used = {action for call in job.proxy.calls for action, _, _ in asked(call)}
    granted = {action for s in policy(read_settings(job.root), "dev")["Statement"] for action in s["Action"]}
    assert granted - used <= UNUSED


def canaries(text: bytes) -> set[str]:
    """The secrets that stand in a text."""
    return set(standing_in(text, CANARIES))


def contents(raw: bytes) -> Iterator[bytes]:
    """The bytes, and what is compressed in them: DynamoDB's binary attributes, the bodies of snapshots."""
    yield raw
    for encoded in re.findall(rb'"B": ?"([A-Za-z0-9+/=]+)"', raw):
        decoded = base64.b64decode(encoded)
        yield decoded
        yield from _unpacked(decoded)
    yield from _unpacked(raw.partition(b"\n")[2])


def _unpacked(raw: bytes) -> Iterator[bytes]:
    try:
        yield zlib.decompress(raw)
    except zlib.error:
        return


def allows(statement: dict[str, Any], action: str, resource: str, keys: list[str]) -> bool:
    """Whether an IAM statement allows a call."""
    if action not in statement["Action"]:
        return False
    if not any(fnmatchcase(resource, pattern) for pattern in statement["Resource"]):
        return False
    for patterns in statement.get("Condition", {}).get("ForAllValues:StringLike", {}).values():
        return all(any(fnmatchcase(key, pattern) for pattern in patterns) for key in keys)
    return True


def asked(call: Call) -> Iterator[tuple[str, str, list[str]]]:
    """(action, resource, leading keys) that IAM would be asked about for a call."""
    if call.service == "s3":
        yield _of_s3(call)
    elif call.service == "dynamodb":
        yield from _of_dynamodb(call.operation, json.loads(call.request))
    elif call.service == "ssm":
        request = json.loads(call.request)
        name = request.get("Name") or request.get("Path") or ""
        path = f"parameter/{name.strip('/')}" if name else "*"
        yield f"ssm:{call.operation}", f"arn:aws:ssm:eu-central-1:1:{path}", []


def _of_s3(call: Call) -> tuple[str, str, list[str]]:
    place = urlsplit(call.path)
    bucket, _, key = unquote(place.path).lstrip("/").partition("/")
    if not key:
        assert call.operation == "HEAD" or "list-type" in parse_qs(place.query), call.path
        return "s3:ListBucket", f"arn:aws:s3:::{bucket}", []
    verb = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "DELETE": "Delete"}[call.operation]
    return f"s3:{verb}Object", f"arn:aws:s3:::{bucket}/{key}", []


def _of_dynamodb(operation: str, request: dict[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    if operation == "TransactWriteItems":
        for item in request["TransactItems"]:
            for kind, write in item.items():
                single = "ConditionCheckItem" if kind == "ConditionCheck" else f"{kind}Item"
                yield from _of_dynamodb(single, write)
        return
    table = f"arn:aws:dynamodb:eu-central-1:1:table/{request['TableName']}"
    index = f"/index/{request['IndexName']}" if "IndexName" in request else ""
    key = request.get("Key") or request.get("Item") or {}
    leading = [key[name]["S"] for name in ("pk", "environment") if name in key]
    values = request.get("ExpressionAttributeValues", {})
    leading += [
        values[name]["S"] for name in (":pk", ":partition") if operation == "Query" and name in values
    ]
    yield f"dynamodb:{operation}", table + index, leading
