"""Edit a JSON text so that it holds another value, and keep all that does not differ as it was written.

Order of members, indentation, line ends, the form of numbers and escapes stay; only members and elements
that differ are written anew, in the style of what stands beside them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from karma_core.errors import BadInput
from karma_core.exact_numbers import dumps
from karma_core.json_types import JsonObject, JsonValue
from karma_core.strictjson import parse_canonical
from karma_core.three_way import same

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_ATOM: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s,\]}"]+')
DEFAULT_INDENT: Final = "  "


class _Node(NamedTuple):
    """A value in the text, from start to end; an object's or array's children in their order.

    Each child has its key (its index in an array), the place where its member begins, and its value.
    """

    start: int
    end: int
    children: tuple[tuple[JsonValue, int, _Node], ...] = ()


class _Edit(NamedTuple):
    """What stands from start to end is replaced."""

    start: int
    end: int
    text: str


def edited(raw: bytes, wanted: JsonValue) -> bytes:
    """The text of `raw`, strict JSON, with what `wanted` has otherwise; `readable` where it is none.

    O(size of both). The result is read again: it holds `wanted`, whatever the text looked like.
    """
    try:
        before, _ = parse_canonical(raw, where="the file")
        text = raw.decode()
        root = _read(text, _skip(text, 0))
        edits = sorted(_edits(text, root, before, wanted), reverse=True)
        for edit in edits:
            text = text[: edit.start] + edit.text + text[edit.end :]
        after, _ = parse_canonical(text.encode(), where="the file")
    except BadInput:
        return readable(wanted)
    return text.encode() if same(after, wanted) else readable(wanted)


def readable(value: JsonValue) -> bytes:
    """A new file's text: two spaces, sorted keys, a newline at the end."""
    return (_dumped(value, DEFAULT_INDENT) + "\n").encode()


def _edits(text: str, node: _Node, before: JsonValue, wanted: JsonValue) -> Iterator[_Edit]:
    if same(before, wanted):
        return
    if isinstance(before, dict) and isinstance(wanted, dict) and before and wanted:
        yield from _of_object(text, node, before, wanted)
    elif isinstance(before, list) and isinstance(wanted, list) and len(before) == len(wanted):
        for index, _, child in node.children:
            yield from _edits(text, child, before[index], wanted[index])
    else:
        yield _Edit(node.start, node.end, _inserted(text, node.start, wanted))


def _of_object(text: str, node: _Node, before: JsonObject, wanted: JsonObject) -> Iterator[_Edit]:
    kept = [child for child in node.children if child[0] in wanted]
    if not kept:
        yield _Edit(node.start, node.end, _inserted(text, node.start, wanted))
        return
    for key, _, child in kept:
        yield from _edits(text, child, before[key], wanted[key])
    yield from _removals(node, wanted)
    added = sorted(wanted.keys() - before.keys())
    if added:
        _, start, last = kept[-1]
        lead = _lead(text, node, start)
        members = (f"{json.dumps(key, ensure_ascii=False)}{_colon(text, kept[-1])}" for key in added)
        parts = [
            f",{lead}{name}{_inserted(text, start, wanted[key])}"
            for key, name in zip(added, members, strict=True)
        ]
        yield _Edit(last.end, last.end, "".join(parts))


def _removals(node: _Node, wanted: JsonObject) -> Iterator[_Edit]:
    """Each member that goes, with the comma and the space that parted it from a member that stays."""
    children = node.children
    first = next(index for index, child in enumerate(children) if child[0] in wanted)
    if first:
        yield _Edit(children[0][1], children[first][1], "")
    for index in range(first + 1, len(children)):
        if children[index][0] not in wanted:
            yield _Edit(children[index - 1][2].end, children[index][2].end, "")


def _lead(text: str, node: _Node, start: int) -> str:
    """The space before a new member: that before its neighbour; the first one's may be that of `{`."""
    begin = start
    while begin > node.start + 1 and text[begin - 1] in " \t\r\n":
        begin -= 1
    lead = text[begin:start]
    return " " if not lead and text[node.start : node.end].find(": ") > 0 else lead


def _colon(text: str, child: tuple[JsonValue, int, _Node]) -> str:
    """The colon with the space around it, as the neighbour has it."""
    _, start, value = child
    key_end = _read(text, start).end
    return text[key_end : value.start]


def _inserted(text: str, position: int, value: JsonValue) -> str:
    """A value's text for a place: over several lines where the file is, indented as its line is."""
    if "\n" not in text.strip():
        return dumps(value, sort_keys=True, separators=_separators(text))
    line = text[text.rfind("\n", 0, position) + 1 :]
    margin = line[: len(line) - len(line.lstrip(" \t"))]
    newline = "\r\n" if "\r\n" in text else "\n"
    return _dumped(value, _indent(text)).replace("\n", newline + margin)


def _dumped(value: JsonValue, indent: str) -> str:
    return dumps(value, indent=indent, sort_keys=True)


def _separators(text: str) -> tuple[str, str]:
    """Those of a file of one line: with spaces where it has any after its colons."""
    return (", ", ": ") if re.search(r'":\s', text) or '":' not in text else (",", ":")


def _indent(text: str) -> str:
    """The first indentation in the file."""
    match = re.search(r"\n([ \t]+)\S", text)
    return match[1] if match else DEFAULT_INDENT


def _read(text: str, position: int) -> _Node:
    """The value that begins here; the text is strict JSON."""
    if text[position] not in "{[":
        atom = _ATOM.match(text, position)
        return _Node(position, atom.end() if atom else position)
    is_object = text[position] == "{"
    children: list[tuple[JsonValue, int, _Node]] = []
    place = _skip(text, position + 1)
    while text[place] not in "}]":
        start = place
        key: JsonValue = len(children)
        if is_object:
            name = _read(text, place)
            key = json.loads(text[name.start : name.end])
            place = _skip(text, _skip(text, name.end) + 1)
        child = _read(text, place)
        children.append((key, start, child))
        place = _skip(text, child.end)
        if text[place] == ",":
            place = _skip(text, place + 1)
    return _Node(position, place + 1, tuple(children))


def _skip(text: str, position: int) -> int:
    """The next place that is no space."""
    space = _SPACE.match(text, position)
    return space.end() if space else position
