"""The corpus by real Terraform: what a plan of everything says is what the deploy of everything does.

The modules with AWS resources run on the real provider and a local AWS. A few in `make test`, all in
`make soak`.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from karma_core.plan.document import Plan
from tests import local_aws
from tests.corpus import projects
from tests.corpus.applies import IMPORTED, Applies
from tests.integration import aws_provider

SOAK = os.environ.get("KARMA_SOAK")
ENDS = ("applied", "unchanged", "cut_off")
DEFERRED = {
    "secret-by-name": "it looks up the aws_secretsmanager_secret_version vault-main of vault/main",
    "secret-in-steps": "it looks up the aws_secretsmanager_secret vault-main of vault/main",
    "record": "it looks up the aws_route53_zone corpus.example.org of zone/root",
    "ssm-by-caller": "ParameterNotFound",
}
"""Types of which a first plan says nothing, and what it says of why."""
SAMPLE = (
    "net",
    "queue",
    "takes-string",
    "takes-maps",
    "by-type",
    "child-values",
    "json-syntax",
    "conditions",
)
CASES = [("plain", ()), ("aws", ())] if SOAK else [("plain", SAMPLE)]


def planned(made: Plan) -> dict[str, dict[str, str]]:
    """Component → resource → action, of what a plan says will be done."""
    done = {
        one.address: {
            r.address: r.action for r in one.resources if r.action not in ("no-op", "read", "import")
        }
        | ({IMPORTED: str(one.to_import)} if one.to_import else {})
        for one in made.components
    }
    return {address: resources for address, resources in done.items() if resources}


def differences(made: Plan, done: dict[str, str], applied: dict[str, dict[str, str]]) -> list[str]:
    """Where plan and deploy do not say the same, one a line. What was deferred, the plan says nothing of."""
    lines = [f"{address}: {status}" for address, status in done.items() if status not in ENDS]
    resources = planned(made)
    for one in made.components:
        mine, theirs = resources.get(one.address, {}), applied.get(one.address, {})
        if one.action == "deferred":
            if DEFERRED.get(one.address.partition("/")[0], "nothing") not in one.reason:
                lines.append(f"{one.address}: deferred, {one.reason}")
        elif mine != theirs:
            lines += [f"{one.address}: planned {mine}, applied {theirs} ({one.action}, {one.reason})"]
    return lines


def show(what: str, made: Plan, done: dict[str, str]) -> None:
    """Say what was planned and done, in two lines."""
    actions = Counter(str(one.action) for one in made.components)
    resources = Counter(r.action for one in made.components for r in one.resources)
    del resources["no-op"], resources["read"]
    ended = Counter(map(str, done.values()))
    sys.stdout.write(f"{what}: {len(made.components)} components planned {dict(actions)}, ")
    sys.stdout.write(f"resources {dict(resources)}; ended {dict(ended)}\n")


def changed(project: projects.TerraformProject) -> None:
    """Change what most of the others take a value of."""
    changes: dict[str, Any] = {
        "net/core": {"cidr": "10.21.0.0/16", "zones": ["a", "b", "c"]},
        "queue/jobs": {"depth": 6},
        "ssm-writer/main": {"values": {"endpoint": "https://main.example.com", "port": "8081"}},
    }
    for address, config in changes.items():
        if (project.root / "components" / address.partition("/")[0]).exists():
            project.config(address, config)
    project.publish()


@pytest.mark.soak
@pytest.mark.parametrize(("name", "only"), CASES, ids=[name for name, _ in CASES])
def test_what_a_plan_of_all_says_a_deploy_of_all_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, only: tuple[str, ...]
) -> None:
    """From nothing, and after a change: resource by resource. Then all is quiet."""
    applies = Applies(tmp_path / "applies")
    endpoint = ""
    if name == "aws":
        endpoint = local_aws.url()
        monkeypatch.setenv("TF_CLI_CONFIG_FILE", aws_provider.required())
        projects.prepare_aws(local_aws.fresh(monkeypatch))
    project = projects.make(tmp_path, name, only=only, endpoint=endpoint, program=applies.program)
    for step, change in (("from nothing", None), ("after a change", changed)):
        if change is not None:
            change(project)
        made = project.plan()
        done = project.deploy()
        applied = applies.take()
        show(f"{name}, {step}", made, done)
        assert differences(made, done, applied) == []
    again = project.plan()
    assert {one.address: one.reason for one in again.components if one.action != "no-op"} == {}
