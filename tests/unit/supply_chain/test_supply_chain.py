"""What Karma is made of: the bill follows from the lock, and the audit finds what a database says of it."""

from __future__ import annotations

import json
import re
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from supply_chain import audit as auditing
from supply_chain.audit import audit, is_affected, main
from supply_chain.bill import VENDORED, bill
from supply_chain.lock import LOCK, PROJECT, read_lock, runtime_names

DOCUMENT = bill(LOCK.read_text("utf-8"), PROJECT.read_text("utf-8"), VENDORED.read_text("utf-8"))
COMPONENTS = {component["name"]: component for component in DOCUMENT["components"]}


def record(name: str, *events: dict[str, str], versions: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """A record of OSV's, shortened."""
    affected = {
        "package": {"ecosystem": "PyPI", "name": name},
        "ranges": [{"type": "ECOSYSTEM", "events": list(events)}] if events else [],
        "versions": list(versions),
    }
    return {"id": f"PYSEC-{name}", "aliases": ["CVE-1"], "summary": "bad", "affected": [affected], **more}


def test_the_bill_names_every_locked_package() -> None:
    """Each pinned line once, with its version, hashes and the package URL."""
    pins = re.findall(r"^([A-Za-z0-9._-]+)(?:\[.*?\])?==(\S+)", LOCK.read_text("utf-8"), re.MULTILINE)
    python = [one for one in DOCUMENT["components"] if one["purl"].startswith("pkg:pypi/")]
    assert sorted((one["name"], one["version"]) for one in python) == sorted(
        (re.sub(r"[-_.]+", "-", name).lower(), version) for name, version in pins
    )
    for one in python:
        assert one["purl"] == f"pkg:pypi/{one['name']}@{one['version']}"
        assert any(fact["name"] == "karma:distribution-sha256" for fact in one["properties"])
    scripts = {one["name"] for one in DOCUMENT["components"] if one["purl"].startswith("pkg:npm/")}
    assert scripts == {"cytoscape", "htmx.org"}


def test_the_bill_tells_what_an_installation_has() -> None:
    """What the project names and all that they ask for is required; tools of development are not."""
    needed = tomllib.loads(PROJECT.read_text("utf-8"))["project"]["dependencies"]
    names = {re.split(r"[^A-Za-z0-9._-]", text)[0].lower() for text in needed}
    assert names <= {name for name, one in COMPONENTS.items() if one["scope"] == "required"}
    assert {"joserfc", "cryptography", "cffi"} <= runtime_names(
        read_lock(LOCK.read_text("utf-8")), PROJECT.read_text("utf-8")
    )
    assert {COMPONENTS[name]["scope"] for name in ("pytest", "mypy", "moto", "schemathesis")} == {"excluded"}


def test_the_bill_is_one_graph_and_the_same_each_time() -> None:
    """Every reference is a component's, and the same lock gives the same document."""
    again = bill(LOCK.read_text("utf-8"), PROJECT.read_text("utf-8"), VENDORED.read_text("utf-8"))
    assert json.dumps(again) == json.dumps(DOCUMENT)
    refs = {one["bom-ref"] for one in DOCUMENT["components"]} | {"karma"}
    assert {entry["ref"] for entry in DOCUMENT["dependencies"]} == refs
    assert all(set(entry["dependsOn"]) <= refs for entry in DOCUMENT["dependencies"])
    by_ref = {entry["ref"]: entry["dependsOn"] for entry in DOCUMENT["dependencies"]}
    assert COMPONENTS["joserfc"]["purl"] in by_ref["karma"]
    assert COMPONENTS["cryptography"]["purl"] in by_ref[COMPONENTS["joserfc"]["purl"]]


@pytest.mark.parametrize(
    ("version", "events", "affected"),
    [
        ("1.5", [{"introduced": "0"}, {"fixed": "2.0"}], True),
        ("2.0", [{"introduced": "0"}, {"fixed": "2.0"}], False),
        ("2.0rc1", [{"introduced": "0"}, {"fixed": "2.0"}], True),
        ("2.0", [{"introduced": "0"}, {"last_affected": "2.0"}], True),
        ("2.1", [{"introduced": "0"}, {"last_affected": "2.0"}], False),
        ("3.1", [{"introduced": "1.0"}, {"fixed": "2.0"}, {"introduced": "3.0"}, {"fixed": "3.2"}], True),
        ("2.5", [{"introduced": "1.0"}, {"fixed": "2.0"}, {"introduced": "3.0"}, {"fixed": "3.2"}], False),
        ("0.9", [{"introduced": "1.0"}], False),
        ("9", [{"introduced": "1.0"}], True),
        ("1.0", [{"introduced": "not a version"}], True),
    ],
)
def test_ranges_are_evaluated_as_osv_says(version: str, events: list[Any], affected: bool) -> None:
    """What cannot be compared is affected: somebody has to look."""
    assert is_affected(version, {"ranges": [{"type": "ECOSYSTEM", "events": events}]}) is affected
    assert is_affected(version, {"ranges": [{"type": "GIT", "events": events}]}) is False
    assert is_affected(version, {"versions": [version]})


def test_findings_are_those_of_locked_versions() -> None:
    """By normalised name; a record that was withdrawn, of another registry or version says nothing."""
    own = COMPONENTS["typing-extensions"]["version"]
    records = [
        record("Typing_Extensions", versions=(own,)),
        record("typing-extensions", versions=("0.1",)),
        record("httpx", {"introduced": "0"}, withdrawn="2026-01-01T00:00:00Z"),
        record("never-heard-of", {"introduced": "0"}),
    ]
    records[1]["affected"][0]["package"]["ecosystem"] = "crates.io"
    assert [one.component for one in audit(COMPONENTS.values(), records)] == ["typing-extensions"]


@pytest.mark.parametrize("form", ["json", "jsonl", "zip"])
def test_a_database_is_read_in_each_form(
    tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 with what is known, 0 once it was looked at and is ignored."""
    records = [record("httpx", {"introduced": "0"}, {"fixed": "99"}), record("none", {"introduced": "0"})]
    path = tmp_path / f"db.{form}"
    if form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for one in records:
                archive.writestr(f"{one['id']}.json", json.dumps(one))
    elif form == "json":
        path.write_text(json.dumps(records))
    else:
        path.write_text("\n".join(json.dumps(one) for one in records))
    assert main([str(path)]) == 1
    said = capsys.readouterr().out
    assert f"httpx {COMPONENTS['httpx']['version']}: PYSEC-httpx, CVE-1; fixed in 99" in said
    assert main([str(path), "--ignore", "CVE-1"]) == 0
    assert "0 findings, 1 ignored" in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"[1]", b'{"no": "id"}', b"PK\x03\x04broken"])
def test_a_database_that_cannot_be_used_never_looks_clean(tmp_path: Path, content: bytes) -> None:
    """Exit code 2, as for a file that is not there."""
    path = tmp_path / "db.json"
    path.write_bytes(content)
    assert main([str(path)]) == 2
    assert main([str(tmp_path / "none")]) == 2
    assert auditing.ECOSYSTEMS["PyPI"] == "pypi"
