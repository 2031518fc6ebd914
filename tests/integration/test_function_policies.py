"""Each function's IAM policy allows what the function was seen to ask for, and nothing else.

The policies are those that Terraform makes of deployments/aws/modules/policies; the calls are recorded
while every route of every function is called.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.terraform import binary
from karma_api.registry import FUNCTIONS
from karma_lambda.packaging.describing import described
from karma_lambda.permissions import UNSEEN
from tests import local_aws
from tests.integration import recorded_functions
from tests.integration.function_calls import ACCOUNT, REGION, Policy, Question, asked
from tests.integration.recorded_functions import BUS, ENVIRONMENTS, HOOKS, Recorded

pytestmark = [pytest.mark.xdist_group("gremlin"), pytest.mark.timeout(600)]
ROOT = Path(__file__).parents[2]
TABLES = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table"
CLUSTER = f"arn:aws:neptune-db:{REGION}:{ACCOUNT}:cluster-ABC/*"
READS, WRITES = {"dynamodb:GetItem", "dynamodb:Query"}, {"dynamodb:PutItem", "dynamodb:UpdateItem"}
RUNTIME = {"logs:CreateLogStream", "logs:PutLogEvents"}
"""What Lambda itself asks for with the function's role, which no call of the function shows."""


@pytest.fixture(scope="module")
def record() -> Iterator[Recorded]:
    """What was asked."""
    with pytest.MonkeyPatch.context() as patch, recorded_functions.recorded(patch) as made:
        yield made


def made_policies(folder: Path, **variables: Any) -> dict[str, Policy]:
    """The policies that Terraform makes; no provider is needed."""
    module = ROOT / "deployments" / "aws" / "modules" / "policies"
    given: dict[str, Any] = {
        "source": str(module),
        "name": "karma-test",
        "functions": {name: described(name) for name in FUNCTIONS},
        "environments": list(ENVIRONMENTS),
        "region": REGION,
        "account_id": ACCOUNT,
        "prefix": "",
        "state_table_arn": f"{TABLES}/{local_aws.STATE}",
        "log_table_arn": f"{TABLES}/{local_aws.EVENTS}",
        "bucket": local_aws.BUCKET,
        "event_bus_arn": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{BUS}",
        "webhook_secret_parameters": sorted(HOOKS.values()),
        "neptune_resource_arn": CLUSTER,
        **variables,
    }
    output = {"policies": {"value": "${module.policies.policies}"}}
    (folder / "main.tf.json").write_text(
        json.dumps({"module": {"policies": given}, "output": output}), "utf-8"
    )
    for words in (["init"], ["apply", "-auto-approve"], ["output", "-json"]):
        done = subprocess.run(
            [*binary.find("").words, *words],
            cwd=folder,
            env={**os.environ, "TF_IN_AUTOMATION": "1", "TF_CLI_CONFIG_FILE": os.devnull},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    made = json.loads(done.stdout)["policies"]["value"]
    return {name: Policy(json.loads(text)["Statement"]) for name, text in made.items()}


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Policy]:
    """The policies of the recorded deployment."""
    return made_policies(tmp_path_factory.mktemp("policies"))


def questions(record: Recorded, function: str) -> set[Question]:
    """What IAM and Neptune would have been asked."""
    of_graph = {Question(action=action, resource=CLUSTER) for action in record.graph.get(function, set())}
    return {question for call in record.calls.get(function, []) for question in asked(call)} | of_graph


def denied(policy: Policy, wanted: set[Question]) -> list[Question]:
    """What the policy does not allow."""
    return [question for question in sorted(wanted, key=str) if policy.allowing(question) is None]


def test_every_route_was_called(record: Recorded) -> None:
    """The recording is whole: no route is missing, and none has failed for a reason of ours."""
    routes = {
        (name, f"{r.method} {r.path}") for name, one in FUNCTIONS.items() for r in one.function_routes()
    }
    assert routes == set(record.answers)
    assert {key: status for key, status in record.answers.items() if status >= 500} == {}
    refused = {key for (_, key), status in record.answers.items() if status >= 400}
    assert refused == {"POST /changes/{change_id}/retry", "POST /plans", "GET /artifacts"}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_call_is_allowed(record: Recorded, policies: dict[str, Policy], function: str) -> None:
    """No call that a function makes is denied by its policy."""
    assert denied(policies[function], questions(record, function)) == []


def granted(policy: Policy) -> Iterator[tuple[str, str]]:
    """(what is granted, in the words of UNSEEN; how it is recognised in a question)."""
    for statement in policy.statements:
        for action in statement["Action"]:
            yield from _grants(action, statement)


def _grants(action: str, statement: dict[str, Any]) -> Iterator[tuple[str, str]]:
    keys = statement.get("Condition", {}).get("ForAllValues:StringLike", {}).get("dynamodb:LeadingKeys", [])
    if statement.get("Sid") == "Log":
        keys = []
    for key in keys:
        yield _state(action, key.partition("#")[2]), "state"
    if not keys and action.startswith("dynamodb:"):
        yield f"{action} log", "log"
    elif not keys and action.startswith("s3:") and action.endswith("Object"):
        folders = {
            resource.split("/")[2] if resource.count("/") > 1 else "*" for resource in statement["Resource"]
        }
        yield from ((f"{action} {folder}", "s3") for folder in folders)
    elif not keys:
        yield action, "other"


def _state(action: str, key: str) -> str:
    verb = "read" if action in READS else "write" if action in WRITES else "delete"
    return f"{verb} {key.rstrip('*').partition('.')[0]}"


def _said(question: Question) -> set[str]:
    """A question in the same words."""
    if question.resource.startswith(f"{TABLES}/{local_aws.STATE}"):
        return {_state(question.action, key.partition("#")[2]) for key in question.keys}
    if question.action.startswith("dynamodb:"):
        return {f"{question.action} log"}
    if question.action.startswith("s3:") and question.action.endswith("Object"):
        folder = question.resource.split("/")[2]
        return {f"{question.action} {folder}"} | ({f"{question.action} *"} if folder != "answers" else set())
    return {question.action}


def unused(policy: Policy, function: str, wanted: set[Question]) -> set[str]:
    """What is granted, was not asked for, and has no reason."""
    seen = {said for question in wanted for said in _said(question)} | RUNTIME
    reasons = set(UNSEEN)
    return {
        what
        for what, _ in granted(policy)
        if what not in seen and f"* {what}" not in reasons and f"{function} {what}" not in reasons
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_unused_is_granted(record: Recorded, policies: dict[str, Policy], function: str) -> None:
    """What a function may do it was seen to do, or UNSEEN says why not."""
    assert unused(policies[function], function, questions(record, function)) == set()


def test_a_call_too_many_and_a_permission_too_many_are_found(
    record: Recorded, policies: dict[str, Policy]
) -> None:
    """The guard: a function that approved, wrote a token or overwrote an artifact; a policy that lets it."""
    wanted = questions(record, "graph")
    table = f"{TABLES}/{local_aws.STATE}"
    more = {
        Question(action="dynamodb:PutItem", resource=table, keys=("recorded#document#token",)),
        Question(action="dynamodb:PutItem", resource=table, keys=("recorded#document#change",)),
        Question(action="s3:PutObject", resource=f"arn:aws:s3:::{local_aws.BUCKET}/recorded/answers/x.json"),
        Question(action="ssm:GetParameter", resource=f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/hooks2"),
    }
    assert set(denied(policies["graph"], wanted | more)) >= more - {
        one for one in more if one.action == "ssm:GetParameter"
    }
    wide = {"Effect": "Allow", "Action": ["events:PutEvents"], "Resource": ["*"]}
    assert unused(Policy([*policies["graph"].statements, wide]), "graph", wanted) == {"events:PutEvents"}


def test_secrets_are_for_those_that_use_them(tmp_path: Path) -> None:
    """Prefect's password, webhooks' secrets, tokens, approvals, artifacts: who has them, by the policies."""
    made = made_policies(
        tmp_path,
        prefix="/iac",
        environments=["prod"],
        prefect_auth_parameter="/karma/prefect",
        event_bus_arn=None,
        kms_key_arn=f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k",
        artifacts_are_locked=True,
        in_vpc=True,
    )

    def who(action: str, resource: str, *keys: str, once: bool = False) -> set[str]:
        question = Question(action=action, resource=resource, keys=keys, once=once)
        return {name for name, policy in made.items() if policy.allowing(question)}

    parameter = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter"
    state, log = f"{TABLES}/{local_aws.STATE}", f"{TABLES}/{local_aws.EVENTS}"
    place = f"arn:aws:s3:::{local_aws.BUCKET}/prod"
    orderers = {name for name, one in FUNCTIONS.items() if one.orders_runs}
    assert who("ssm:GetParameter", f"{parameter}/karma/prefect") == orderers
    assert who("ssm:GetParameter", f"{parameter}/hooks/github") == {"webhooks"}
    assert who("dynamodb:PutItem", state, "prod#document#token") == {"tokens"}
    assert who("dynamodb:PutItem", state, "prod#document#change") == {"changes", "promotions"}
    assert who("dynamodb:GetItem", state, "dev#document#token") == set()
    assert who("dynamodb:DeleteItem", log, "prod") == who("dynamodb:UpdateItem", log, "prod") == set()
    assert who("ssm:PutParameter", f"{parameter}/iac/a/one/config") == set()
    for key in ("graph/1", "answers/1", "2026-01-01/run/a/one/plan.txt"):
        assert who("s3:PutObject", f"{place}/{key}") == set()
    assert who("s3:PutObject", f"{place}/2026-01-01/run/a/one/plan.txt", once=True) == set()
    assert who("ec2:DescribeSubnets", "*") == set(FUNCTIONS)
    assert all(len(json.dumps({"Statement": one.statements})) < INLINE_BYTES for one in made.values())


INLINE_BYTES = 10_240
"""Most characters of a role's inline policies, blanks not counted (IAM User Guide, "IAM and AWS STS
quotas").
"""
