"""Deploys by real Terraform: nothing to do, and 20 components against a bare loop of the same calls."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.figures import Figure, best_of
from karma_adapters.processes.environment import allowed
from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_adapters.wiring.settings import Settings
from karma_adapters.wiring.stores import say_nothing
from karma_core.use_cases.configs.publish import publish
from karma_core.use_cases.graph.build import build_graph
from karma_core.use_cases.runs.deploy import deploy
from karma_core.use_cases.runs.records import Order, RunResult
from karma_core.use_cases.selection.record import Selection
from karma_core.walk import ThreadExecutor
from karma_core.workspace import Workspace

TITLE = "deploys"
COUNT = 20
PARALLELISM = 4
TIMES = 3
DIRECT_LIMIT = 1.10
"""Times the bare loop."""
PREFECT_FACTOR, PREFECT_SECONDS = 1.5, 2.0
"""A limit of so many times the bare loop and so many seconds."""
SHOP = Path(__file__).parents[1] / "examples" / "shop"
EVERYTHING = Selection(everything=True)
COUNTING = """#!/bin/sh
echo "$1" >>"{ledger}"
exec "{real}" "$@"
"""
MODULE = """
variable "config" {
  type = any
}
resource "terraform_data" "this" {
  input = var.config
}
output "runtime" {
  value = { id = terraform_data.this.id }
}
"""
BACKEND = 'terraform {\n  backend "local" {}\n}\n'


def run() -> Iterator[Figure]:
    """The figures of this module."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _unchanged(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        yield _direct(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        yield _through_prefect(Path(folder))


# -- nothing to do ------------------------------------------------------------------------------------


def _unchanged(root: Path) -> Iterator[Figure]:
    """Processes and parameter writes of an unchanged deploy of the example."""
    project, ledger, program = root / "shop", root / "ledger", root / "terraform"
    shutil.copytree(SHOP, project, ignore=shutil.ignore_patterns(".karma"))
    program.write_text(COUNTING.format(ledger=ledger, real=_terraform()))
    program.chmod(0o755)
    with (project / "karma.toml").open("a") as settings:
        settings.write(f"\n[terraform]\nbinary = {json.dumps(str(program))}\n")
    workspace = open_workspace(read_settings(project), "prod", user="bench")
    publish(workspace)
    _succeeded(deploy(workspace, EVERYTHING, ThreadExecutor))
    before = len(ledger.read_text().split()), workspace.parameters.revision()
    (seconds,) = best_of(TIMES, lambda: deploy(workspace, EVERYTHING, ThreadExecutor))
    after = len(ledger.read_text().split()), workspace.parameters.revision()
    note = f"{seconds * 1000:,.0f} ms in process; the first deploy started {before[0]}"
    yield Figure("Terraform processes of an unchanged deploy", after[0] - before[0], 0, "processes", note)
    yield Figure("parameters it writes", 0 if after[1] == before[1] else 1, 0, "writes")


# -- against a bare loop ------------------------------------------------------------------------------


def _direct(root: Path) -> Figure:
    ours = iter([_project(root / f"karma-{n}") for n in range(TIMES)])
    theirs = iter([root / f"bare-{n}" for n in range(TIMES)])
    bare, karma = best_of(
        TIMES,
        lambda: bare_loop(next(theirs)),
        lambda: _succeeded(deploy(next(ours)[1], EVERYTHING, ThreadExecutor)),
    )
    note = f"{karma:.2f} s against {bare:.2f} s"
    return Figure(f"{COUNT} components, direct", karma / bare, DIRECT_LIMIT, "bare loops", note)


def _through_prefect(root: Path) -> Figure:
    """On a running server. Prefect is imported, and has run one flow, before the clock starts."""
    from flows.server import temporary_server  # noqa: PLC0415 - Prefect reads its settings when imported

    projects = [_project(root / f"karma-{n}") for n in range(TIMES + 1)]
    before = dict(os.environ)
    try:
        with temporary_server(root / "prefect"):
            logging.getLogger("prefect").setLevel(logging.WARNING)
            _by_flow(*projects.pop())
            ours, theirs = iter(projects), iter([root / f"bare-{n}" for n in range(TIMES)])
            bare, karma = best_of(TIMES, lambda: bare_loop(next(theirs)), lambda: _by_flow(*next(ours)))
    finally:
        os.environ.clear()
        os.environ.update(before)
    limit = PREFECT_FACTOR * bare + PREFECT_SECONDS
    note = f"{karma:.2f} s; bare {bare:.2f} s; limit 1.5 bare loops + 2 s"
    return Figure(f"{COUNT} components, through Prefect", karma / limit, 1.0, "limit", note)


def _by_flow(settings: Settings, workspace: Workspace) -> None:
    from flows.local import run_flow  # noqa: PLC0415 - as above

    _succeeded(run_flow(Order(kind="deploy", selection=EVERYTHING), settings, workspace, say_nothing))


def _project(root: Path) -> tuple[Settings, Workspace]:
    """A project of COUNT independent components, published and built, nothing deployed."""
    module = root / "components" / "box" / "main.tf"
    module.parent.mkdir(parents=True)
    module.write_text(MODULE)
    for number in range(COUNT):
        config = root / "iac" / "bench" / "box" / f"c{number}" / "config.json"
        config.parent.mkdir(parents=True)
        config.write_text(json.dumps({"number": number}))
    (root / "karma.toml").write_text(f"[environments.bench]\nparallelism = {PARALLELISM}\n")
    settings = read_settings(root)
    workspace = open_workspace(settings, "bench", user="bench")
    publish(workspace)
    build_graph(workspace)
    return settings, workspace


def bare_loop(root: Path) -> None:
    """What a script would do: init, plan, show -json, apply, output for each, as many at once as Karma."""
    module = root / "module"
    module.mkdir(parents=True)
    (module / "main.tf").write_text(MODULE)
    (module / "backend.tf").write_text(BACKEND)
    with ThreadPoolExecutor(PARALLELISM) as pool:
        list(pool.map(lambda number: _bare(root, module, number), range(COUNT)))


def _bare(root: Path, module: Path, number: int) -> None:
    own = root / f"c{number}"
    own.mkdir()
    variables, plan = own / "variables.tfvars.json", own / "plan"
    variables.write_text(json.dumps({"config": {"number": number}}))
    environment = {**allowed(os.environ), "TF_DATA_DIR": str(own / "data"), "TF_IN_AUTOMATION": "1",
                   "CHECKPOINT_DISABLE": "1"}  # fmt: skip
    program = _terraform()
    for words in (
        ["init", "-input=false", "-no-color", f"-backend-config=path={own / 'terraform.tfstate'}"],
        ["plan", "-input=false", "-no-color", f"-var-file={variables}", f"-out={plan}"],
        ["show", "-json", "-no-color", str(plan)],
        ["apply", "-input=false", "-no-color", str(plan)],
        ["output", "-json", "-no-color"],
    ):
        subprocess.run([program, *words], cwd=module, env=environment, check=True, capture_output=True)


def _terraform() -> str:
    program = shutil.which("terraform") or shutil.which("tofu")
    if program is None:
        raise SystemExit("this benchmark needs terraform or tofu on PATH")
    return program


def _succeeded(result: RunResult) -> None:
    """End the benchmark where a deploy did not do its work."""
    if result.status != "succeeded":
        raise SystemExit(f"the deploy ended {result.status}: {[c.reason for c in result.components]}")
