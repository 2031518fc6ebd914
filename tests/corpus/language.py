"""The corpus's expressions, by Karma's evaluation and by one `terraform console`.

Each component becomes a module of its variables, its locals and a local for each expression of its files.
Left out is what refers to resources, data sources, child modules or iterators: it has no value before there
is something. Terraform is given the producers' runtimes; Karma only says that it reads them.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from karma_adapters.modules.directory import ModuleDirectory
from karma_core import configuration, hcl
from karma_core.hcl import Block
from karma_core.inference.encoding_functions import jsonencode
from karma_core.inference.evaluate import compile_facts
from karma_core.inference.expressions import Attribute, Expression, For, Name, parts_of
from karma_core.inference.module_scope import root_frame
from karma_core.inference.reading import Inputs, Reading
from karma_core.inference.translate import Translator
from karma_core.inference.values import failed, known
from tests.corpus import adoption, truth
from tests.terraform_values import FAILS

NET: Final = {
    "id": "n-1", "cidr": "10.20.0.0/16", "subnet_ids": {"a": "s-1", "b": "s-2"}, "zones": ["a", "b"],
    "subnets": [{"cidr": "10.20.0.0/24"}, {"cidr": "10.20.1.0/24"}], "ports": [80, 443],
    "size": 16777216, "public": False, "tags": {"team": "core", "cost": "7"}, "gateway": None,
    "token": "t0ken",
}  # fmt: skip
QUEUE: Final = {"url": "https://queues.example.org/1", "arn": "arn:queue:x", "depth": 5}
RUNTIMES: Final[dict[str, dict[str, Any]]] = {
    "net/core": NET, "net/edge": {**NET, "tags": {}, "subnet_ids": {"c": "s-3"}},
    "queue/jobs": QUEUE, "queue/mails": QUEUE, "ssm-direct/a": {"endpoint": "https://main.example.org"},
    "vpc/main": {"vpc_id": "v-1", "cidr": "10.20.0.0/16"}, "vault/main": {"arn": "arn:secret"},
    "ssm-own-config/a": {"cidr": "10.30.0.0/16"},
}  # fmt: skip
REFUSED: Final = "outside-repository"
"""The type whose module is refused for a file that it reads."""
ELSEWHERE: Final = {"foreign": "f", "aws_endpoint": "e", "state_endpoint": "e", "size": 3, "team": "auto"}
"""Values that come from the settings, or from files of the module's own."""
_SKIPPED: Final = frozenset({"moved", "removed", "import", "terraform", "provider"})
_ROOTS: Final = frozenset({"var", "local", "path"})


def compared(root: Path) -> list[tuple[str, str, str, str | None]]:
    """(component, expression, Terraform's value, Karma's or None where it does not know) of all."""
    shutil.copytree(truth.COMPONENTS.parent / "data", root / "data")
    components = {
        f"{one.type}-{nickname}": _Component(root, one, nickname)
        for one in truth.everything()
        if one.type != REFUSED
        for nickname in one.configs
    }
    theirs = _by_terraform(root, components)
    modules = ModuleDirectory(
        root / "components", archive=root / "archive", cache=root / "cache", repository=root
    )
    lines: list[tuple[str, str, str, str | None]] = []
    for name, one in components.items():
        ours = one.by_karma(modules)
        lines += [
            (name, text, *both) for text, *both in zip(one.expressions, theirs[name], ours, strict=True)
        ]
    return lines


class _Component:
    """One component's module, written below `root`, with `values` for its variables."""

    def __init__(self, root: Path, one: truth.Truth, nickname: str) -> None:
        self.name = f"{one.type}-{nickname}"
        self.expressions: list[str] = []
        self._variables: dict[str, str] = {}
        self._locals: dict[str, tuple[str, Expression]] = {}
        self._candidates: list[tuple[str, Expression]] = []
        source = truth.COMPONENTS / one.type
        self._folder = root / "components" / self.name
        shutil.copytree(source, self._folder, ignore=lambda _, names: _of_modules(names))
        for name in configuration.in_order(
            [path.name for path in source.iterdir()], configuration.Engine.TERRAFORM
        ):
            if name.endswith(configuration.NATIVE):
                self._read(hcl.parse((source / name).read_bytes(), name))
        fleet = adoption.PlainFleet(root, root / "states")
        fleet.runtimes = RUNTIMES
        given = {**ELSEWHERE, **fleet.values(one, nickname)}
        self.values = {
            name: value
            for name, value in given.items()
            if name in self._variables
            and not (value is None and "nullable = false" in " ".join(self._variables[name].split()))
        }
        (self._folder / "values.json").write_text(json.dumps(self.values))
        self._write()

    def _read(self, document: hcl.Document) -> None:
        translator = Translator(document.text, document.name)
        for block in document.body.blocks:
            if block.type == "variable":
                text = document.text[block.start : block.end]
                self._variables[block.labels[0]] = text.replace("ephemeral = true", "")
            if block.type in _SKIPPED:
                continue
            for name, node in _attributes(block):
                text = document.text[node.start : node.end]
                expression = translator.translate(node)
                if block.type == "locals":
                    self._locals[name] = (text, expression)
                self._candidates.append((text, expression))

    def _write(self) -> None:
        usable = {name for name, (_, one) in self._locals.items() if self._stands_alone(one, frozenset())}
        self.expressions = [text for text, one in self._candidates if self._stands_alone(one, frozenset())]
        lines = [*self._variables.values(), "locals {"]
        lines += [f"{name} = {self._locals[name][0]}" for name in sorted(usable)]
        (self._folder / "main.tf").write_text("\n".join([*lines, "}", ""]))

    def probe(self) -> None:
        """Let Terraform say the values: as JSON texts, in one output."""
        lines = [
            f'  t{at} = try(jsonencode(\n{text}\n), "{FAILS}")' for at, text in enumerate(self.expressions)
        ]
        every = ", ".join(f"local.t{at}" for at in range(len(self.expressions)))
        output = f'output "all" {{\n  value = [{every}]\n  sensitive = true\n}}\n'
        (self._folder / "added.tf").write_text("\n".join(["locals {", *lines, "}", output]))

    def by_karma(self, modules: ModuleDirectory) -> list[str | None]:
        """The values by Karma."""
        lines = [f"  corpus_{at} = {text}" for at, text in enumerate(self.expressions)]
        (self._folder / "added.tf").write_text("\n".join(["locals {", *lines, "}", ""]))
        facts = modules.facts(self.name)
        assert facts is not None
        producers = tuple(self.values.get("dependencies", ()))
        inputs = Inputs(f"{self.name}/x", "/iac", self.values, producers)
        frame = root_frame(compile_facts(facts), Reading(inputs))
        values = [frame.local(f"corpus_{at}") for at in range(len(self.expressions))]
        return [FAILS if failed(v) else jsonencode(v) if known(v) else None for v in values]

    def _stands_alone(self, node: Expression, bound: frozenset[str]) -> bool:
        """Whether an expression refers to variables and such locals alone, beside names that it binds."""
        match node:
            case Attribute(of=Name(name="var"), name=name):
                return name in self._variables
            case Attribute(of=Name(name="local"), name=name):
                return name in self._locals and self._stands_alone(self._locals[name][1], frozenset())
            case Name(name=name):
                return name in _ROOTS or name in bound or name == "*"
            case For():
                bound = bound | {node.key, node.value}
        return all(self._stands_alone(part, bound) for part in parts_of(node))


def _of_modules(names: list[str]) -> set[str]:
    return {name for name in names if configuration.is_configuration(name) or configuration.is_values(name)}


def _attributes(block: Block) -> Iterator[tuple[str, Any]]:
    """(name, node) of every attribute that holds a value, at any depth."""
    for name, attribute in block.attributes.items():
        if configuration.holds_value(block.type, name) and (block.type, name) != ("variable", "type"):
            yield name, attribute.expression
    for inner in block.blocks:
        yield from _attributes(inner)


def _by_terraform(root: Path, components: dict[str, _Component]) -> dict[str, list[str]]:
    """The values by one console for all."""
    calls = []
    for name, one in components.items():
        one.probe()
        values = f'jsondecode(file("${{path.module}}/components/{name}/values.json"))'
        arguments = "".join(f"  {variable} = {values}.{variable}\n" for variable in one.values)
        calls.append(f'module "{name}" {{\n  source = "./components/{name}"\n{arguments}}}\n')
    (root / "main.tf").write_text("".join(calls))
    every = ", ".join(f'"{name}" = module.{name}.all' for name in components)
    _terraform(root, "init", "-input=false")
    said = _terraform(root, "console", said=f"base64encode(nonsensitive(jsonencode({{{every}}})))\n")
    texts: dict[str, list[str]] = json.loads(base64.b64decode(json.loads(said)))
    return texts


def _terraform(root: Path, *words: str, said: str = "") -> str:
    ended = subprocess.run(
        ["terraform", *words],
        cwd=root,
        input=said,
        env={**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    return ended.stdout
