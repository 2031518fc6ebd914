"""Provisioners without the worker's credentials: a command that a module runs does not inherit them.

Terraform's `local-exec` runs a command with Terraform's own environment, which has what providers need to
reach the cloud. In a component's copy of its module each such provisioner gets an `environment` that empties
those variables; what the module sets there itself stands over it. A type whose commands need them says so in
component.yaml (`provisioner_credentials`).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from karma_adapters.terraform.hcl_edits import Edit, applied
from karma_core import hcl, strictjson
from karma_core.configuration import ENDINGS
from karma_core.errors import BadInput
from karma_core.json_types import JsonObject, JsonValue

LOCAL_EXEC: Final = "local-exec"
ALWAYS_WITHHELD: Final = {
    "AWS_ACCESS_KEY_ID": "",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": "",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_PROFILE": "",
    "AWS_SECRET_ACCESS_KEY": "",
    "AWS_SESSION_TOKEN": "",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_WEB_IDENTITY_TOKEN_FILE": "",
}
"""Where AWS's tools look for credentials, and what keeps them from finding any (AWS SDKs, standardized
credential providers)."""


def has_provisioners(tree: Path) -> bool:
    """Whether any module of a tree runs a command."""
    return any(LOCAL_EXEC.encode() in file.read_bytes() for file in _files(tree))


def withheld(name: str, text: bytes, names: Collection[str] = ()) -> bytes:
    """A module's file with the credentials, and further variables by name, emptied for every command in it.

    A file that cannot be read is left as it is: Terraform will say what is wrong with it.
    """
    if LOCAL_EXEC.encode() not in text or not name.endswith(ENDINGS):
        return text
    variables = {**ALWAYS_WITHHELD, **dict.fromkeys(names, "")}
    try:
        return _json(text, variables) if name.endswith(".json") else _hcl(text, name, variables)
    except BadInput:
        return text


def _files(tree: Path) -> Iterator[Path]:
    return (
        file
        for ending in ENDINGS
        for file in sorted(tree.rglob(f"*{ending}"))
        if file.is_file() and not file.is_symlink()
    )


def _hcl(text: bytes, name: str, withheld: JsonObject) -> bytes:
    document = hcl.parse(text, name)
    environment = json.dumps(dict(sorted(withheld.items())))
    edits = [edit for block in _blocks(document.body) for edit in _edits(document.text, block, environment)]
    return applied(document.text, edits).encode()


def _blocks(body: hcl.Block) -> Iterator[hcl.Block]:
    """Every provisioner that runs a command."""
    for resource in body.of_type("resource"):
        yield from (block for block in resource.of_type("provisioner") if block.labels[:1] == (LOCAL_EXEC,))


def _edits(text: str, block: hcl.Block, environment: str) -> Iterable[Edit]:
    """The edits of one provisioner; a block of one line becomes one of several."""
    own, command = block.attributes.get("environment"), block.attributes.get("command")
    if own is not None:
        start, end = own.expression.start, own.expression.end
        return [Edit(start, end, f"merge({environment}, {text[start:end]})")]
    if command is None:
        return []
    start, end = command.start, command.expression.end
    return [Edit(start, start, "\n"), Edit(end, end, f"\nenvironment = {environment}\n")]


def _json(text: bytes, withheld: JsonObject) -> bytes:
    document = strictjson.parse(text, where="a module in JSON syntax")
    for provisioner in _in_json(document):
        own = provisioner.get("environment")
        provisioner["environment"] = {**withheld, **(own if isinstance(own, dict) else {})}
    return json.dumps(document).encode()


def _in_json(value: JsonValue) -> Iterator[JsonObject]:
    """Every object below a key `local-exec`."""
    if isinstance(value, list):
        for item in value:
            yield from _in_json(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key == LOCAL_EXEC:
                yield from (
                    one for one in (item if isinstance(item, list) else [item]) if isinstance(one, dict)
                )
            else:
                yield from _in_json(item)
