"""Planning and deploying a whole system against a shell loop that runs the same Terraform in the right order.

Trees of components on `terraform_data`: every component but the first reads its parent's runtime. The loop
is what a careful person would write: one component after the other, producers first, five calls each. The
bound is what no scheduler can beat: the longest path, or all work spread over the cores.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure
from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_core.records import TerraformOutputs
from karma_core.use_cases.configs.publish import publish
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.runs.deploy import deploy
from karma_core.use_cases.runs.records import RunResult
from karma_core.use_cases.selection.record import Selection
from karma_core.walk import ThreadExecutor
from karma_core.workspace import Workspace

TITLE = "plan and deploy of a whole system (direct)"
SIZES = (50, 200)
NEVER_SLOWER = 1.0
BOUND_LIMIT = 1.25
ALL = Selection(everything=True)
MODULE = """\
variable "config" { type = any }
variable "dependencies" {
  type    = any
  default = {}
}
locals {
  parent = try(var.config.node_nickname, null)
  above  = local.parent == null ? "top" : try(var.dependencies["node/${local.parent}"].id, "none yet")
}
resource "terraform_data" "this" { input = "${local.above} ${var.config.value}" }
output "runtime" { value = { id = terraform_data.this.id, value = var.config.value } }
"""


def run() -> Iterator[Figure]:
    """The figures of this module."""
    for count in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            yield from _measure(Path(folder), count)


def _measure(root: Path, count: int) -> Iterator[Figure]:
    configs = _configs(count)
    _write(root / "karma", configs)
    planned = _timed(lambda: plan(_open(root / "karma"), ALL))
    deployed = _timed(lambda: _deployed(root / "karma", count))
    bare_plans = _timed(lambda: _loop(root / "plans", configs, apply=False))
    bare = _timed(lambda: _loop(root / "bare", configs, apply=True))
    each, cores = bare / count, os.cpu_count() or 1
    bound = max(_depth(count) * each, bare / cores)
    note = f"{planned:.1f} s against {bare_plans:.1f} s"
    yield Figure(f"plan --all of {count}, all new", planned / bare_plans, NEVER_SLOWER, "loops", note)
    note = f"{deployed:.1f} s against {bare:.1f} s"
    yield Figure(f"deploy --all of {count}, all new", deployed / bare, NEVER_SLOWER, "loops", note)
    note = f"bound {bound:.1f} s: longest path {_depth(count)}, {cores} cores"
    yield Figure(f"deploy --all of {count} against the bound", deployed / bound, BOUND_LIMIT, "bounds", note)
    yield from _afterwards(root / "karma", count)


def _afterwards(root: Path, count: int) -> Iterator[Figure]:
    """Processes of Terraform that an unchanged system and one changed leaf cost."""
    calls = _counted(root, lambda workspace: deploy(workspace, ALL, ThreadExecutor))
    yield Figure(f"Terraform calls, nothing changed, {count}", sum(calls.values()), 0, "calls")
    leaf = root / "iac" / "bench" / "node" / f"n{count - 1:03}" / "config.json"
    config = json.loads(leaf.read_text())
    leaf.write_text(json.dumps({**config, "value": "changed"}))
    publish(_open(root))
    calls = _counted(root, lambda workspace: deploy(workspace, ALL, ThreadExecutor))
    yield Figure(f"plans, one leaf changed, {count}", calls.get("plan", 0), 1, "calls")
    yield Figure(f"applies, one leaf changed, {count}", calls.get("apply", 0), 1, "calls")


class _Counting:
    """Counts what is asked of Terraform."""

    def __init__(self, terraform: object) -> None:
        self._terraform = terraform
        self.calls: dict[str, int] = {}

    def __getattr__(self, name: str) -> object:
        if name in {"plan", "apply", "outputs"}:
            self.calls[name] = self.calls.get(name, 0) + 1
        return getattr(self._terraform, name)


def _counted(root: Path, work: object) -> dict[str, int]:
    workspace = _open(root)
    counting = _Counting(workspace.terraform)
    fields = {name: getattr(workspace, name) for name in workspace.__dataclass_fields__}
    work(Workspace(**{**fields, "terraform": counting}))  # type: ignore[operator]
    return counting.calls


def _configs(count: int) -> dict[str, dict[str, str]]:
    """A tree in which each node has up to three children."""
    configs = {}
    for number in range(count):
        config = {"value": f"v{number}"}
        if number:
            config["node_nickname"] = f"n{(number - 1) // 3:03}"
        configs[f"n{number:03}"] = config
    return configs


def _depth(count: int) -> int:
    """Components on the longest path of the tree."""
    number, depth = count - 1, 1
    while number:
        number, depth = (number - 1) // 3, depth + 1
    return depth


def _write(root: Path, configs: dict[str, dict[str, str]]) -> None:
    (root / "components" / "node").mkdir(parents=True)
    (root / "components" / "node" / "main.tf").write_text(MODULE)
    (root / "components" / "node" / "component.yaml").write_text("consumes: {node: [id]}\n")
    for nickname, config in configs.items():
        folder = root / "iac" / "bench" / "node" / nickname
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(config))
    publish(_open(root))


def _open(root: Path) -> Workspace:
    return open_workspace(read_settings(root), "bench", user="bench")


def _deployed(root: Path, count: int) -> RunResult:
    result = deploy(_open(root), ALL, ThreadExecutor)
    if result.status != "succeeded" or len(result.components) != count:
        why = [f"{one.address}: {one.reason}" for one in result.components if one.status == "failed"]
        raise SystemExit(f"the deploy {result.status}: {'; '.join(why)}")
    return result


def _loop(root: Path, configs: dict[str, dict[str, str]], *, apply: bool) -> None:
    """The shell loop: the same calls, one after the other, producers first."""
    binary = shutil.which("terraform")
    if binary is None:
        raise SystemExit("the comparison needs terraform on PATH")
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "CHECKPOINT_DISABLE": "1"}
    outputs: dict[str, TerraformOutputs] = {}
    for nickname, config in configs.items():
        folder = root / nickname
        folder.mkdir(parents=True)
        (folder / "main.tf").write_text(MODULE)
        parent = config.get("node_nickname")
        given = {f"node/{parent}": outputs[parent].values} if parent in outputs else {}
        (folder / "v.tfvars.json").write_text(json.dumps({"config": config, "dependencies": given}))
        _call(binary, folder, environment, "init", "-input=false")
        _call(binary, folder, environment, "plan", "-input=false", "-var-file=v.tfvars.json", "-out=p")
        _call(binary, folder, environment, "show", "-json", "p")
        if apply:
            _call(binary, folder, environment, "apply", "-input=false", "p")
            said = json.loads(_call(binary, folder, environment, "output", "-json"))
            outputs[nickname] = TerraformOutputs(values=said["runtime"]["value"])


def _call(binary: str, folder: Path, environment: dict[str, str], *words: str) -> str:
    ended = subprocess.run(
        [binary, *words], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return ended.stdout


def _timed(work: object) -> float:
    started = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - started
