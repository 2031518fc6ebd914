"""Byte code in the zips: it loads as the source would, and its bytes follow from the source alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from karma_lambda.packaging import archive, bytecode, cold

SOURCES = {
    "pack/__init__.py": "",
    "pack/good.py": "WORDS = frozenset({'a', 'b', 'c'})\nVALUE = 'from the source'\n",
    "pack/bad.py": "raise exc, None, tb\n",
    "pack/notes.txt": "no code",
}


def sources(place: Path) -> dict[str, Path]:
    """The files, by their names in the zip."""
    for name, text in SOURCES.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {name: place / name for name in SOURCES}


def test_every_source_that_this_python_reads_gets_its_byte_code(tmp_path: Path) -> None:
    """Beside it, where an import looks; what another Python alone can read goes without."""
    made = bytecode.compiled(sources(tmp_path / "a"), tmp_path / "cache", python=bytecode.HERE)
    tag = sys.implementation.cache_tag
    assert sorted(made) == [f"pack/__pycache__/__init__.{tag}.pyc", f"pack/__pycache__/good.{tag}.pyc"]


def test_another_python_gets_none(tmp_path: Path) -> None:
    """Byte code is good for one version: for another the zip holds sources alone."""
    assert bytecode.compiled(sources(tmp_path), tmp_path / "cache", python="2.7") == {}


def test_the_bytes_follow_from_the_source_alone(tmp_path: Path) -> None:
    """Neither the place, nor the time, nor what was compiled before is seen in them."""
    one = bytecode.compiled(sources(tmp_path / "a"), tmp_path / "1", python=bytecode.HERE)
    others = dict(reversed(sources(tmp_path / "b").items()))
    others["first.py"] = tmp_path / "first.py"
    others["first.py"].write_text("VALUE = 'from the source'\n")
    two = bytecode.compiled(others, tmp_path / "2", python=bytecode.HERE)
    assert {name: two[name].read_bytes() for name in one} == {n: p.read_bytes() for n, p in one.items()}


def test_an_import_takes_the_byte_code_and_does_not_compile(tmp_path: Path) -> None:
    """Whatever the time of the unpacked source is, and without comparing the two."""
    files = sources(tmp_path / "a")
    archive.write(tmp_path / "x.zip", files | bytecode.compiled(files, tmp_path / "c", python=bytecode.HERE))
    cold.unpack(tmp_path / "x.zip", tmp_path / "task")
    (tmp_path / "task" / "pack" / "good.py").write_text("VALUE = 'compiled anew'\n")
    place = str(tmp_path / "task")
    text = f"import sys; sys.path.insert(0, {place!r}); import pack.good; print(pack.good.VALUE)"
    words = [sys.executable, "-I", "-S", "-B", "-c", text]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.strip() == "from the source"


def test_nothing_is_compiled_twice(tmp_path: Path) -> None:
    """What is kept is taken as it is; another source is another file."""
    files = sources(tmp_path / "a")
    made = bytecode.compiled(files, tmp_path / "c", python=bytecode.HERE)
    times = {path: path.stat().st_mtime_ns for path in made.values()}
    files["pack/good.py"].write_text("VALUE = 2\n")
    again = bytecode.compiled(files, tmp_path / "c", python=bytecode.HERE)
    assert set(made) == set(again)
    assert len(set(made.values()) & set(again.values())) == 1
    assert {path: path.stat().st_mtime_ns for path in made.values()} == times
