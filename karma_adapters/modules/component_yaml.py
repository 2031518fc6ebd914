"""The one reader of `component.yaml`: YAML that can only be what it looks like."""

from __future__ import annotations

from typing import Any, Final

import yaml

from karma_core.errors import BadInput
from karma_core.json_types import JsonObject

MAX_BYTES: Final = 1 << 18
"""Ours: two hundred times a long definition."""


class _Loader(yaml.SafeLoader):
    """Safe YAML without what JSON has no place for: aliases, dates, keys that are no strings or doubled."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # types-PyYAML
            raise yaml.constructor.ConstructorError(None, None, "aliases are not taken here", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise yaml.constructor.ConstructorError(None, None, "a key must be a string", key.start_mark)
            if key.value in seen:
                text = f"the key {key.value[:60]!r} stands twice"
                raise yaml.constructor.ConstructorError(None, None, text, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read(text: bytes, name: str) -> JsonObject:
    """The mapping in text; BadInput `component-type` with file, line and column if it is not one."""
    if len(text) > MAX_BYTES:
        raise _refused(name, f"it has {len(text):,} bytes, more than {MAX_BYTES:,}", 1, 1)
    try:
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 - _Loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise _refused(name, error.problem or "it is not YAML", line, column) from error
    except (yaml.YAMLError, ValueError) as error:
        raise _refused(name, str(error).splitlines()[0], 1, 1) from error
    except RecursionError as error:
        raise _refused(name, "it is nested too deep", 1, 1) from error
    if not isinstance(value, dict):
        raise _refused(name, "its outermost value is not a mapping", 1, 1)
    return value


def _refused(name: str, why: str, line: int, column: int) -> BadInput:
    return BadInput(
        f"{name}:{line}:{column} cannot be used",
        why=why,
        next_step="correct the file; docs/component-types.md lists what it may hold",
        code="component-type",
        file=name,
        line=line,
        column=column,
    )
