"""Provider configurations of a module that hang on values which are not known before the apply.

A provider that is configured with an unknown value plans what it need not be asked for (a resource that is to
be created), and mostly refuses the rest (a resource that exists has to be read). That is no fault of a value.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from karma_core import configuration, hcl
from karma_core.configuration import Engine
from karma_core.errors import BadInput
from karma_core.records import TerraformJob

_USED: Final = re.compile(r"\b(var|local|data)\.(\w+)")
_PARAMETERS: Final = "aws_ssm_parameter"


def unknown_providers(module: Path, job: TerraformJob, engine: Engine) -> tuple[str, ...]:
    """Names (`aws.there`) of the providers whose configuration uses what the job holds unknown, sorted.

    Directly, or through locals. Files in JSON syntax are not looked at. O(size of the module's own files).
    """
    documents = list(_documents(module, engine))
    unknown = {f"var.{name}" for name in job.unknown} | ({f"data.{_PARAMETERS}"} if job.parameters else set())
    texts = dict(_locals(documents))
    while reached := {name for name, text in texts.items() if name not in unknown and _uses(text, unknown)}:
        unknown |= reached
    return tuple(sorted(name for name, text in _providers(documents) if _uses(text, unknown)))


def _uses(text: str, names: Collection[str]) -> bool:
    return any(f"{match[1]}.{match[2]}" in names for match in _USED.finditer(text))


def _documents(module: Path, engine: Engine) -> Iterator[hcl.Document]:
    for name in configuration.in_order((file.name for file in module.iterdir()), engine):
        if name.endswith(configuration.NATIVE):
            try:
                yield hcl.parse((module / name).read_bytes(), name)
            except BadInput:  # the graph says so
                continue


def _locals(documents: Iterable[hcl.Document]) -> Iterator[tuple[str, str]]:
    """`local.NAME` and the text of its expression."""
    for document in documents:
        for block in document.body.of_type("locals"):
            for name, attribute in block.attributes.items():
                expression = attribute.expression
                yield f"local.{name}", document.text[expression.start : expression.end]


def _providers(documents: Iterable[hcl.Document]) -> Iterator[tuple[str, str]]:
    """The provider's name with its alias, and the text of its configuration."""
    for document in documents:
        for block in document.body.of_type("provider"):
            alias = block.attributes.get("alias")
            labels = (*block.labels[:1], hcl.literal(alias.expression) if alias else None)
            yield ".".join(filter(None, labels)), document.text[block.start : block.end]
