"""`make audit DB=FILE`: the locked versions against a vulnerability database that you give; no network.

The file is one of OSV's (ossf.github.io/osv-schema): a zip of records such as its export of PyPI, a JSON
list of records, one record, or records line by line. Exit code 1 where a locked version is affected, 2 where
the file cannot be used: an unread database has found nothing, and must not look so.
"""

from __future__ import annotations

import argparse
import json
import sys
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from supply_chain.bill import VENDORED, bill
from supply_chain.lock import LOCK, PROJECT

ECOSYSTEMS: Final = {"PyPI": "pypi", "npm": "npm"}
"""OSV's names of the registries that something of Karma's comes from, and those in package URLs."""
_EVENTS: Final = ("introduced", "fixed", "last_affected")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A locked version that a record affects. `fixed` are versions without it, as the record says."""

    component: str
    version: str
    record: str
    aliases: tuple[str, ...]
    fixed: tuple[str, ...]
    scope: str
    summary: str


class Unusable(Exception):
    """The database cannot be used; says why."""


def audit(components: Iterable[dict[str, Any]], records: Iterable[dict[str, Any]]) -> list[Finding]:
    """What the records say against the components of a bill of materials, sorted."""
    by_package: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for component in components:
        by_package.setdefault(_key(component["purl"]), []).append(component)
    findings = {
        _finding(component, record, affected)
        for record in records
        if not record.get("withdrawn")
        for affected in record.get("affected", ())
        for component in by_package.get(_package_of(affected), ())
        if is_affected(component["version"], affected)
    }
    return sorted(findings, key=lambda one: (one.component, one.version, one.record))


def is_affected(version: str, affected: dict[str, Any]) -> bool:
    """Whether a version is in the list, or in one of the ranges; a version that cannot be compared is."""
    if version in affected.get("versions", ()):
        return True
    ranges = [one for one in affected.get("ranges", ()) if one.get("type") in {"ECOSYSTEM", "SEMVER"}]
    return any(_in_range(version, one.get("events", ())) for one in ranges)


def _in_range(version: str, events: Iterable[dict[str, str]]) -> bool:
    """Whether the last event at or before the version leaves it affected (OSV schema, "Evaluation")."""
    try:
        own = Version(version)
        ordered = sorted(
            ((_version(text), kind) for event in events for kind, text in event.items() if kind in _EVENTS),
            key=lambda one: one[0],
        )
    except InvalidVersion:
        return True
    affected = False
    for at, kind in ordered:
        if kind == "introduced" and own >= at:
            affected = True
        elif (kind == "fixed" and own >= at) or (kind == "last_affected" and own > at):
            affected = False
    return affected


def _version(text: str) -> Version:
    """A version of an event; `0` is before every other."""
    return Version("0.dev0") if text == "0" else Version(text)


def _finding(component: dict[str, Any], record: dict[str, Any], affected: dict[str, Any]) -> Finding:
    ranges = affected.get("ranges", ())
    fixed = {event["fixed"] for one in ranges for event in one.get("events", ()) if "fixed" in event}
    return Finding(
        component=component["name"],
        version=component["version"],
        record=str(record.get("id", "")),
        aliases=tuple(record.get("aliases", ())),
        fixed=tuple(sorted(fixed)),
        scope=component["scope"],
        summary=str(record.get("summary", "")),
    )


def records_of(path: Path) -> Iterator[dict[str, Any]]:
    """The records in a file; Unusable for a file that holds none."""
    count = 0
    for text in _texts(path):
        try:
            held = json.loads(text)
        except ValueError as error:
            raise Unusable(f"{path} holds something that is not JSON: {error}") from error
        for record in held if isinstance(held, list) else [held]:
            if not isinstance(record, dict) or "id" not in record:
                raise Unusable(f"{path} holds something that is no record of OSV's")
            count += 1
            yield record
    if not count:
        raise Unusable(f"{path} holds no records")


def _texts(path: Path) -> Iterator[bytes]:
    """JSON texts: the files of a zip, the whole file, or its lines."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for name in archive.namelist():
                    if name.endswith(".json"):
                        yield archive.read(name)
            return
        text = path.read_bytes()
    except (OSError, zipfile.BadZipFile) as error:
        raise Unusable(f"{path} cannot be read: {error}") from error
    lines = [line for line in text.splitlines() if line.strip()]
    by_line = len(lines) > 1 and all(
        line.lstrip().startswith(b"{") and line.rstrip().endswith(b"}") for line in lines
    )
    yield from lines if by_line else [text]


def _key(purl: str) -> tuple[str, str]:
    registry, _, rest = purl.removeprefix("pkg:").partition("/")
    return registry, _normal(registry, rest.rpartition("@")[0])


def _package_of(affected: dict[str, Any]) -> tuple[str, str]:
    """Registry and name of what a part of a record is about, as in `_key`."""
    package = affected.get("package", {})
    registry = ECOSYSTEMS.get(package.get("ecosystem", ""), "")
    return registry, _normal(registry, package.get("name", ""))


def _normal(registry: str, name: str) -> str:
    return str(canonicalize_name(name)) if registry == "pypi" else name


def main(words: list[str] | None = None) -> int:
    """Print what is known against the locked versions; the exit code."""
    chosen = _arguments(words)
    document = bill(LOCK.read_text("utf-8"), PROJECT.read_text("utf-8"), VENDORED.read_text("utf-8"))
    try:
        findings = audit(document["components"], list(records_of(chosen.database)))
    except Unusable as error:
        print(f"the database cannot be used: {error}", file=sys.stderr)
        return 2
    ignored = set(chosen.ignore)
    left = [one for one in findings if not ignored & {one.record, *one.aliases}]
    for one in left:
        print(_line(one))
    versions = len(document["components"])
    print(f"{versions} locked versions, {len(left)} findings, {len(findings) - len(left)} ignored")
    return 1 if left else 0


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="make audit", description="Check locked versions, without a network."
    )
    parser.add_argument("database", type=Path, help="a file of OSV records: .zip, .json or .jsonl")
    parser.add_argument("--ignore", action="append", default=[], help="id or alias that was looked at")
    return parser.parse_args(words)


def _line(finding: Finding) -> str:
    where = "" if finding.scope == "required" else " (development only)"
    fixed = f"fixed in {', '.join(finding.fixed)}" if finding.fixed else "no fixed version is known"
    names = ", ".join((finding.record, *finding.aliases))
    return f"{finding.component} {finding.version}{where}: {names}; {fixed}\n  {finding.summary}"


if __name__ == "__main__":
    sys.exit(main())
