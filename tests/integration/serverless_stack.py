"""The serverless deployment, applied by Terraform to ministack, with its graph on a Gremlin Server."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3

from examples.serverless import local_copy
from examples.serverless.left import left
from karma_adapters.terraform import binary
from karma_api.app import make_app
from karma_api.service import Services
from karma_core.errors import Refused
from karma_core.json_types import JsonObject
from karma_core.records import ParameterKind, ParameterWrite
from karma_core.roles import Role
from karma_core.use_cases.access.tokens import create
from karma_core.use_cases.changes.drain import carry_on
from karma_core.use_cases.graph.build import build_graph
from karma_core.use_cases.runs.deploy import deploy
from karma_core.walk import ThreadExecutor
from karma_core.workspace import OpenEnvironment, Workspace
from karma_lambda.opening import open_services
from karma_lambda.settings import FunctionSettings
from tests.api_contract import HOOK_SECRET, Orders
from tests.api_doors import HttpDoor
from tests.change_system import run_order
from tests.http_server import HttpServer
from tests.integration import aws_provider, gremlin_server, ministack
from tests.integration.function_packages import packed
from tests.memory.terraform import MemoryModules, MemoryTerraform
from tests.memory_system import ALL, NoRepository, RecordingReloader
from tests.served_system import CONFIGS
from tests.workspace_fakes import FakeIndex

APPLY_SECONDS = 400
QUIETLY = ("-input=false", "-no-color", "-auto-approve", "-parallelism=20")
NAME = "karma"
"""What every name of the deployment begins with."""
REGION = "eu-central-1"
TYPES = ("a", "b", "c", "d")
HOOK_PARAMETER = "/karma/webhooks"


@dataclass(frozen=True)
class Stack:
    """What is deployed: two ways to the same state, and who does the work beside them.

    `url`: the local AWS. `outputs`: what `terraform output -json` says. `tokens`: one of each role.
    """

    api: HttpDoor
    service: HttpDoor
    worker: Worker
    url: str
    outputs: JsonObject
    tokens: dict[Role, str]

    def close(self) -> None:
        """Close connections."""
        self.api.close()
        self.service.close()
        self.worker.close()


class Worker:
    """A process with modules and (in memory) a Terraform, on the stores of the stack."""

    def __init__(self, opened: OpenEnvironment, url: str, queue: str) -> None:
        shared = {one.name: getattr(opened, one.name) for one in fields(OpenEnvironment)}
        self.workspace = Workspace(
            **{**shared, "modules": MemoryModules(TYPES)},
            terraform=MemoryTerraform(),
            reloader=RecordingReloader(),
            repository=NoRepository(),  # type: ignore[arg-type]  # deploys ask it for its commit alone
            publish_index=FakeIndex(),
        )
        self._sqs = boto3.client("sqs", region_name=REGION, endpoint_url=url)
        self._queue = queue
        self.name = opened.name
        self._orders: Orders = []
        self._done = 0

    def fill(self) -> None:
        """The configs, deployed, with two builds; and the webhooks' secret."""
        secret = ParameterWrite(name=HOOK_PARAMETER, value=HOOK_SECRET, kind=ParameterKind.SECURE)
        self.workspace.parameters.put([secret])
        for name, config in CONFIGS.items():
            self.put_config(name.replace("_", "/"), config)
        self.deploy()
        self.put_config("d/four", {"size": 4, "more": True})
        build_graph(self.workspace)

    def now(self) -> datetime:
        """The time of the functions' clock."""
        return datetime.now(UTC)

    def orders(self) -> Orders:
        """What the event bus was told, so far."""
        now = {"QueueUrl": self._queue, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0}
        while messages := self._sqs.receive_message(**now).get("Messages"):
            for message in messages:
                order = json.loads(message["Body"])["detail"]
                self._orders.append((order["flow"], order["parameters"], order["idempotency_key"]))
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return list(self._orders)

    def work(self) -> None:
        """Carry out what was ordered since the last time."""
        orders = self.orders()[self._done :]
        self._done += len(orders)
        for change_id in [
            parameters["change_id"] for _, parameters, _ in orders if "change_id" in parameters
        ]:
            with suppress(Refused):  # the run of another change has carried this one on, too
                carry_on(self.workspace, change_id, run_order)
        build_graph(self.workspace)

    def config(self, address: str) -> Any:
        """The stored config."""
        parameter = self.workspace.parameters.get(self.workspace.config_parameter(address))
        return json.loads(parameter.value) if parameter and parameter.value else None

    def put_config(self, address: str, config: dict[str, Any]) -> None:
        """As a publish does, which leaves the graph to the next build."""
        name = self.workspace.config_parameter(address)
        self.workspace.parameters.put([ParameterWrite(name=name, value=json.dumps(config))])

    def rebuild(self) -> str:
        """What a builder with modules has to do."""
        return build_graph(self.workspace).status

    def deploy(self) -> None:
        """Everything, by hand."""
        deploy(self.workspace, ALL, ThreadExecutor)
        build_graph(self.workspace)

    def close(self) -> None:
        """Close the queue's connection."""
        self._sqs.close()


@contextmanager
def deployed(folder: Path, functions: list[str] | None = None) -> Iterator[Stack]:
    """The stack with these functions (default: all), as long as the block runs.

    Credentials are those of the environment.
    """
    configuration = aws_provider.required()
    gremlin = gremlin_server.required().url
    packages = folder / "packages"
    packed(packages, functions)
    with ministack.running(folder) as url:
        terraform = Terraform(
            local_copy.copy(folder / "deployment"),
            configuration,
            aws_endpoint=url,
            gremlin_url=gremlin,
            package_dir=str(packages),
            environment=f"fn-{secrets.token_hex(4)}",
            webhook_secret_parameters=json.dumps({"github": HOOK_PARAMETER, "generic": HOOK_PARAMETER}),
        )
        outputs = terraform.apply()
        output = {name: one["value"] for name, one in outputs.items()}
        services = open_services(FunctionSettings(project=output["project"]))
        worker = Worker(services.of(None).workspace, url, output["orders_queue"])
        worker.fill()
        tokens = {role: create(worker.workspace, f"{role}@example.org", role)[1] for role in Role}
        host = f"{output['api_id']}.execute-api.localhost"
        with _served(services) as served:
            stack = Stack(
                HttpDoor(url, tokens, host=host), HttpDoor(served, tokens), worker, url, outputs, tokens
            )
            yield stack
            stack.close()
        if os.environ.get("KARMA_SOAK") == "1":  # half a minute, which `make demo-serverless` takes, too
            terraform.destroy()
            assert {kind: names for kind, names in left(url, NAME).items() if names} == {}


@contextmanager
def _served(services: Services) -> Iterator[str]:
    server = HttpServer(make_app(services))
    yield server.url
    server.close()


class Terraform:
    """Terraform on the deployment's folder, with these variables."""

    def __init__(self, folder: Path, configuration: str, **variables: str) -> None:
        given = {f"TF_VAR_{name}": value for name, value in variables.items()}
        self._folder = folder
        self._environ = {
            **os.environ, **given, "TF_CLI_CONFIG_FILE": configuration, "TF_IN_AUTOMATION": "1"
        }  # fmt: skip

    def apply(self) -> JsonObject:
        """Apply it; what its outputs are."""
        self._run("init", "-input=false", "-no-color")
        self._run("apply", *QUIETLY)
        outputs: JsonObject = json.loads(self._run("output", "-json"))
        return outputs

    def destroy(self) -> None:
        """Destroy all of it."""
        self._run("destroy", *QUIETLY)

    def _run(self, *words: str) -> str:
        ended = subprocess.run(
            [*binary.find("").words, *words],
            cwd=self._folder,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=APPLY_SECONDS,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-4000:]
        return ended.stdout
