"""`make sbom`: the bill of materials of Karma, in CycloneDX 1.6, made from the lock alone.

The same lock gives the same document, to the byte: it has no time and a serial number that follows from it.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any, Final

from supply_chain.lock import LOCK, OWN, PROJECT, ROOT, Package, read_lock, runtime_names

VENDORED: Final = ROOT / "karma_ui" / "static" / "vendor" / "README.md"
_SCRIPT: Final = re.compile(
    r"^\| `(?P<file>[^`]+)` \| `(?P<name>[^`]+)`, .*? \| (?P<version>\S+) \| (?P<licence>\w\S*?),"
)
_NAMESPACE: Final = uuid.UUID("6f0b6c7e-6a3d-5d5b-9d0e-0a6f2f6c5c11")
"""Any fixed UUID: serial numbers are made in it."""


def bill(lock: str, project: str, vendored: str) -> dict[str, Any]:
    """The document of a lock file, a pyproject.toml and the table of the vendored scripts."""
    packages = read_lock(lock)
    runtime = runtime_names(packages, project)
    own = tomllib.loads(project)["project"]
    root = {"type": "application", "bom-ref": OWN, "name": OWN, "version": own["version"]}
    root |= {"purl": f"pkg:pypi/{OWN}@{own['version']}", "licenses": [{"license": {"id": own["license"]}}]}
    scripts = [_script(match) for line in vendored.splitlines() if (match := _SCRIPT.match(line))]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, lock + project + vendored)}",
        "version": 1,
        "metadata": {"component": root},
        "components": [*(_component(package, runtime) for package in packages), *scripts],
        "dependencies": _dependencies(packages, [script["bom-ref"] for script in scripts]),
    }


def _component(package: Package, runtime: frozenset[str]) -> dict[str, Any]:
    """A package. One that only development takes is `excluded`: no installation has it."""
    marked = [{"name": "karma:marker", "value": package.marker}] if package.marker else []
    hashes = [{"name": "karma:distribution-sha256", "value": digest} for digest in package.hashes]
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "scope": "required" if package.name in runtime else "excluded",
        "properties": [*marked, *hashes],
    }


def _script(match: re.Match[str]) -> dict[str, Any]:
    purl = f"pkg:npm/{match['name']}@{match['version']}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": match["name"],
        "version": match["version"],
        "purl": purl,
        "scope": "required",
        "licenses": [{"license": {"id": match["licence"]}}],
        "properties": [{"name": "karma:file", "value": f"karma_ui/static/vendor/{match['file']}"}],
    }


def _dependencies(packages: list[Package], scripts: list[str]) -> list[dict[str, Any]]:
    """Who asks for whom, as the lock says it. A package that two platforms take in two versions is both."""
    refs: dict[str, list[str]] = {OWN: [OWN]}
    for package in packages:
        refs.setdefault(package.name, []).append(package.purl)
    needs: dict[str, set[str]] = {ref: set() for ref in [OWN, *(p.purl for p in packages), *scripts]}
    needs[OWN] |= set(scripts)
    for package in packages:
        for asking in package.via:
            for ref in refs.get(asking, []):
                needs[ref].add(package.purl)
    return [{"ref": ref, "dependsOn": sorted(needs[ref])} for ref in sorted(needs)]


def main(target: str) -> None:
    """Write the document to a file."""
    document = bill(LOCK.read_text("utf-8"), PROJECT.read_text("utf-8"), VENDORED.read_text("utf-8"))
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
    required = sum(component["scope"] == "required" for component in document["components"])
    print(f"{path}: {len(document['components'])} components, {required} of them in an installation")


if __name__ == "__main__":
    main(sys.argv[1])
