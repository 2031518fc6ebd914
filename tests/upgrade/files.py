"""A project's folder as text, and back: files, Git's history, and SQLite files as SQL.

What belongs to one machine and is made anew where it is missing is left out (`LEFT_OUT`). Absolute paths
stand as `{{project}}`, and the time at which a waiting change was moved last as `{{now}}`: it would expire.
"""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

KEPT = ".karma"
LEFT_OUT = re.compile(r"cache/|[a-z]+/(terraform|terraform-refresh|private)/|.*\.sqlite-(wal|shm)$")
"""Below `.karma`: caches, Terraform's data directories, and binary plans, which all hold absolute paths."""
WAITING = re.compile(r'("status":"(?:awaiting_approval|approved)".*?"updated_at":")[^"]*')
PROJECT, NOW = "{{project}}", "{{now}}"


def dump(project: Path, folder: Path) -> None:
    """Write what a project holds into a folder: `history.git`, `files.json`, and a `.sql` for each store."""
    folder.mkdir(parents=True, exist_ok=True)
    export = ["git", "fast-export", "--all"]
    (folder / "history.git").write_bytes(
        subprocess.run(export, cwd=project, check=True, capture_output=True).stdout
    )
    files: dict[str, Any] = {}
    for path in sorted(p for p in (project / KEPT).rglob("*") if p.is_file()):
        name = path.relative_to(project / KEPT).as_posix()
        if LEFT_OUT.match(name):
            continue
        if path.suffix == ".sqlite":
            text = "\n".join(sql(path)) + "\n"
            (folder / f"{name.replace('/', '.').removesuffix('.sqlite')}.sql").write_text(
                portable(text, project)
            )
        else:
            files[name] = {"mode": f"{path.stat().st_mode & 0o777:o}", **_content(path.read_bytes(), project)}
    (folder / "files.json").write_text(json.dumps(files, indent=1) + "\n")


def restore(folder: Path, project: Path) -> None:
    """Make a project of what `dump` wrote."""
    project.mkdir(parents=True)
    git = ["git", "-c", "init.defaultBranch=main"]
    subprocess.run([*git, "init", "-q"], cwd=project, check=True)
    export = (folder / "history.git").read_bytes()
    subprocess.run([*git, "fast-import", "--quiet"], cwd=project, check=True, input=export)
    subprocess.run([*git, "reset", "-q", "--hard"], cwd=project, check=True)
    for name, held in json.loads((folder / "files.json").read_text()).items():
        path = project / KEPT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_bytes(held, project))
        path.chmod(int(held["mode"], 8))
    for path in sorted(folder.glob("*.sql")):
        target = project / KEPT / f"{path.stem.replace('.', '/')}.sqlite"
        target.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(target)
        connection.executescript(here(path.read_text(), project))
        connection.close()


def sql(path: Path) -> Iterator[str]:
    """The statements that make a SQLite file, its version among them. Text in BLOBs stays readable."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    yield "PRAGMA journal_mode = wal;"
    yield "BEGIN;"
    query = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type != 'table', name"
    for kind, name, statement in connection.execute(query).fetchall():
        yield f"{statement};"
        if kind == "table":
            yield from _rows(connection, name)
    yield f"PRAGMA user_version = {connection.execute('PRAGMA user_version').fetchone()[0]};"
    yield "COMMIT;"
    connection.close()


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[str]:
    """The rows of a table, without columns that SQLite computes (`table_info` leaves them out)."""
    columns = ", ".join(f'"{column[1]}"' for column in connection.execute(f'PRAGMA table_info("{table}")'))
    for row in connection.execute(f'SELECT {columns} FROM "{table}"'):  # noqa: S608
        yield f'INSERT INTO "{table}" ({columns}) VALUES ({", ".join(map(_literal, row))});'  # noqa: S608


def portable(text: str, project: Path) -> str:
    """The text without the place and the hour of its making."""
    return WAITING.sub(rf"\g<1>{NOW}", text).replace(str(project), PROJECT)


def here(text: str, project: Path) -> str:
    """The text in a place of now."""
    return text.replace(NOW, now()).replace(PROJECT, str(project))


def now() -> str:
    """The time, as Karma writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return f"X'{value.hex()}'"
        return f"CAST({_literal(text)} AS BLOB)" if "\0" not in text else f"X'{value.hex()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def _content(content: bytes, project: Path) -> dict[str, Any]:
    try:
        return {"text": portable(content.decode(), project).split("\n")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


def _bytes(held: dict[str, Any], project: Path) -> bytes:
    if "base64" in held:
        return base64.b64decode(held["base64"])
    return here("\n".join(held["text"]), project).encode()
