"""Components of the corpus, applied by `terraform apply` alone before there is any Karma."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.corpus import truth

ENVIRONMENT = {
    **os.environ,
    "TF_CLI_CONFIG_FILE": os.devnull,
    "CHECKPOINT_DISABLE": "1",
    "TF_IN_AUTOMATION": "1",
}
SETTINGS = {"owner": "platform", "region": "eu-central-1", "environment": "test", "iac_prefix": "/iac"}


class PlainFleet:
    """Root modules in `components`, each applied in its own folder; states lie in `states`, for people."""

    def __init__(self, components: Path, states: Path) -> None:
        self._components = components
        self._states = states
        self.runtimes: dict[str, dict[str, Any]] = {}

    def apply(self, one: truth.Truth, nickname: str) -> None:
        """As somebody at a terminal: init, then apply with a file of values."""
        address = f"{one.type}/{nickname}"
        state = self.state(address)
        state.parent.mkdir(parents=True, exist_ok=True)
        values = state.with_suffix(".tfvars.json")
        values.write_text(json.dumps(self.values(one, nickname)))
        folder = self._components / one.type
        if not (folder / ".terraform").exists() and not (folder / "terraform.tfstate").exists():
            _run(folder, "init", "-input=false")
        _run(folder, "apply", "-auto-approve", "-input=false", f"-state={state}", f"-var-file={values}")
        outputs = {name: body["value"] for name, body in json.loads(state.read_text())["outputs"].items()}
        self.runtimes[address] = outputs.get("runtime", outputs)

    def state(self, address: str) -> Path:
        """The component's state file."""
        return self._states / address / "terraform.tfstate"

    def values(self, one: truth.Truth, nickname: str) -> dict[str, Any]:
        """The values of variables, as people would write them: of references, the values."""
        config = self._resolved(one.configs[nickname])
        producers = one.edges.get(nickname, {})
        fixed = {
            "config": config,
            "nickname": nickname,
            "component_name": one.type,
            "dependencies": {a: self.runtimes[a] for a in producers if a in self.runtimes},
            "states": str(self._states),
        }
        return {**SETTINGS, **fixed, **{k: v for k, v in config.items() if k != "depends_on"}}

    def _resolved(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._resolved(item) for item in value]
        if not isinstance(value, dict):
            return value
        if value.keys() == {"$literal"}:
            return value["$literal"]
        if "$runtime" not in value:
            return {key: self._resolved(inner) for key, inner in value.items()}
        address, _, selector = value["$runtime"].partition("#")
        return _selected(self.runtimes[address], selector, value.get("default"))


def _selected(runtime: Any, selector: str, default: Any) -> Any:
    """What a dotted path or a JSON pointer selects."""
    steps = selector.strip("/").split("/" if selector.startswith("/") else ".")
    for step in steps:
        if isinstance(runtime, dict) and step not in runtime:
            return default
        runtime = runtime[int(step)] if isinstance(runtime, list) else runtime[step]
    return runtime


def _run(folder: Path, *words: str) -> None:
    ended = subprocess.run(
        ["terraform", *words], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, f"{folder.name}: {ended.stdout}{ended.stderr}"


def hand_over(fleet: PlainFleet, addresses: list[str], place: Path) -> None:
    """Put the states where Karma keeps them."""
    for address in addresses:
        (place / address).mkdir(parents=True)
        shutil.copy(fleet.state(address), place / address / "terraform.tfstate")


def digests(folder: Path) -> dict[str, str]:
    """Every file below a folder → the digest of its content."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
