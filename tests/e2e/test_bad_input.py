"""Bad input through the command line: each ends in its code, its place and its exit status, at once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from karma_adapters.sqlite.parameters import LocalParameters
from karma_core.records import ParameterWrite
from tests.e2e.command_line import Karma, write_config

GOOD = '{"greeting": "hello"}'
MODULE = """
variable "config" {
  type = any
}
resource "terraform_data" "this" {
  input = var.config
}
output "runtime" {
  value = { said = terraform_data.this.output }
}
"""
PLACE = "iac/prod/hello/bad/config.json"

NAMES = [
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "/etc/passwd",
    "",
    ".",
    "..",
    "new\nline",
    "n" * 5000,
    "hellо",  # noqa: RUF001 - the last letter is Cyrillic: a twin of a good name
    "hello; rm -rf /",
    "`id`",
    "x').drop()//",
    "${file('/etc/passwd')}",
]
FILES: dict[str, tuple[bytes, str]] = {
    "duplicate keys": (b'{"a": 1,\n "a": 2}', "invalid-json"),
    "NaN": (b'{"a": NaN}', "invalid-json"),
    "1e5000": (b'{"a": 1e5000}', "invalid-json"),
    "5,000 digits": (b'{"a": ' + b"9" * 5000 + b"}", "invalid-json"),
    "a lone surrogate": (b'{"a": "\\ud800"}', "invalid-json"),
    "a byte order mark": (b'\xef\xbb\xbf{"a": 1}', "invalid-json"),
    "invalid UTF-8": (b'{"a": "\xff"}', "invalid-json"),
    "binary": (bytes(range(256)) * 10, "invalid-json"),
    "depth 100,000": (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "invalid-json"),
    "empty": (b"", "invalid-json"),
    "a list": (b"[1]", "not-an-object"),
    "a string": (b'"text"', "not-an-object"),
    "a value over the tier": (b'{"a": "' + b"x" * 9000 + b'"}', "too-large"),
    "100 MB": (b'{"a": "' + b"x" * 100_000_000 + b'"}', "too-large"),
}


@pytest.fixture
def karma(tmp_path: Path) -> Karma:
    """A project with one good component and its module."""
    (tmp_path / "karma.toml").write_text("[environments.prod]\n")
    module = tmp_path / "components" / "hello" / "main.tf"
    module.parent.mkdir(parents=True)
    module.write_text(MODULE)
    write_config(tmp_path, "prod", "hello/good", GOOD)
    return Karma(tmp_path)


def nothing_was_published(karma: Karma) -> bool:
    """Whether the parameter store holds nothing: the good config has not gone ahead of the bad one."""
    (ran,) = [karma.run("config", "show", "hello", "good", "--json")]
    return ran.code == 1 and ran.error["code"] == "not-found"


# -- names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:24])
def test_bad_names_as_arguments_are_refused(karma: Karma, name: str) -> None:
    """As type, as nickname and as part of an address: exit 2, `invalid-name`, quoted in short ASCII."""
    for words in (("plan", name, "good"), ("graph", "impact", "hello", name)):
        ran = karma.refuses(*words, code=2)
        assert ran.error["code"] == "invalid-name"
        assert len(ran.error["message"]) < 200
        assert ran.error["message"].isascii()
        assert ran.error["message"].isprintable()
    assert not karma.state.exists()


def test_bad_names_stop_every_command_that_takes_one(karma: Karma) -> None:
    """Environments and addresses are checked like types and nicknames, before anything is touched."""
    for words in (
        ("config", "show", "hello", "../x"),
        ("deploy", "hello", "../x", "--auto-approve"),
        ("destroy", "../x", "good", "--auto-approve"),
        ("graph", "path", "hello/../x", "hello/good"),
        ("graph", "path", "hello", "hello/good"),
        ("graph", "query", "downstream", "../x"),
        ("log", "list", "--component", "../x"),
    ):
        ran = karma.refuses(*words, code=2)
        assert ran.error["code"] == "invalid-name", words
    ran = karma.refuses("graph", "show", "--env", "../../etc", code=2)
    assert ran.error["code"] == "invalid-name"


def test_a_leading_dash_is_no_name(karma: Karma) -> None:
    """It is read as an option, or after `--` as a bad name: exit 2 both times."""
    assert karma.run("plan", "hello", "-rf").code == 2
    ran = karma.run("plan", "--json", "--", "hello", "-rf")
    assert (ran.code, ran.error["code"]) == (2, "invalid-name")


@pytest.mark.parametrize(
    "folder",
    ["hello/.hidden", "Hello/bad", "hello/new\nline", "hello/bad;rm", "hello/" + "n" * 200, "-x/bad"],
)
def test_bad_names_as_folders_stop_a_publish(karma: Karma, folder: str) -> None:
    """A folder that holds a config and is no name: exit 3, `invalid-name`, nothing published."""
    write_config(karma.project, "prod", folder, GOOD)
    ran = karma.refuses("config", "publish", code=3)
    assert "invalid-name" in ran.codes
    assert nothing_was_published(karma)


def test_twins_by_case_are_one_address(karma: Karma) -> None:
    """Two folders that differ in case only would be one file elsewhere: exit 3, `duplicate-address`."""
    write_config(karma.project, "prod", "hello/GOOD", GOOD)
    ran = karma.refuses("config", "publish", code=3)
    assert "duplicate-address" in ran.codes
    assert nothing_was_published(karma)


# -- files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FILES)
def test_bad_files_stop_a_publish(karma: Karma, kind: str) -> None:
    """Exit 3 with the file's code, component and path; the good config beside it is not published."""
    raw, code = FILES[kind]
    write_config(karma.project, "prod", "hello/bad", raw)
    ran = karma.refuses("config", "publish", code=3)
    (finding,) = ran.error["findings"]
    assert (finding["code"], finding["component"]) == (code, "hello/bad")
    assert PLACE in json.dumps(finding)
    assert len(ran.out) < 5000
    assert nothing_was_published(karma)


def _symlink_out(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere.json")


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [_symlink_out, _dangling, _fifo, _folder])
def test_what_is_no_plain_file_is_refused(karma: Karma, make: Callable[[Path], None]) -> None:
    """A link that leaves the repository, a FIFO, a folder: exit 3 and never a read that blocks."""
    path = karma.project / PLACE
    path.parent.mkdir(parents=True)
    make(path)
    ran = karma.refuses("config", "publish", code=3)
    (finding,) = ran.error["findings"]
    assert PLACE in json.dumps(finding)
    assert "/bin/" not in ran.out + ran.err
    assert nothing_was_published(karma)


def test_a_place_in_the_json_is_given(karma: Karma) -> None:
    """Line and column of what cannot be read, for people too."""
    write_config(karma.project, "prod", "hello/bad", '{\n  "a": 1,\n  "b": oops\n}')
    ran = karma.refuses("config", "publish", code=3)
    assert f"{PLACE}:3:8" in ran.err


def test_a_folder_of_types_that_leaves_the_repository_is_refused(karma: Karma, tmp_path: Path) -> None:
    """A symbolic link to a folder elsewhere is no part of the repository."""
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    (elsewhere / "bad").mkdir(parents=True)
    (elsewhere / "bad/config.json").write_text(GOOD)
    (karma.project / "iac/prod/other").symlink_to(elsewhere)
    ran = karma.refuses("config", "publish", code=3)
    assert "iac/prod/other" in ran.out
    assert nothing_was_published(karma)


# -- values -------------------------------------------------------------------------------------------


def test_values_are_data_all_the_way(karma: Karma) -> None:
    """Commands, interpolations, traversals and markup are deployed as the text they are."""
    hostile = {
        "shell": "; rm -rf / $(id) `id`",
        "interpolation": '${file("/etc/passwd")} %{ if true }x%{ endif }',
        "gremlin": "x').drop()//",
        "markup": "[bold red]no[/] {format} %s \u001b[31m",
        "unicode": "ünï \u2028 \U0001f600",
    }
    write_config(karma.project, "prod", "hello/good", json.dumps(hostile))
    karma.json("config", "publish")
    karma.json("graph", "build")
    deployed = karma.json("deploy", "--all", "--auto-approve")
    assert deployed["status"] == "succeeded"
    state = json.loads((karma.state / "tfstate/hello/good/terraform.tfstate").read_text())
    assert state["outputs"]["runtime"]["value"]["said"] == hostile
    assert karma.json("config", "show", "hello", "good")["config"] == hostile
    human = karma.run("config", "show", "hello", "good")
    assert human.code == 0
    assert "\u001b" not in human.out


def test_a_parameter_reference_is_no_value(karma: Karma) -> None:
    """SSM would take `{{ssm:y}}` for a reference and refuse it: exit 3, with the place, before any write."""
    write_config(karma.project, "prod", "hello/bad", '{"said": "{{ssm:y}}"}')
    ran = karma.refuses("config", "publish", code=3)
    assert ran.codes == ["parameter-reference"]
    assert f"{PLACE}:1:" in ran.err
    assert nothing_was_published(karma)


# -- dependencies -------------------------------------------------------------------------------------


def link(nickname: str) -> str:
    """A config that depends on hello/<nickname>."""
    return json.dumps({"depends_on": [f"hello/{nickname}"]})


@pytest.mark.parametrize(
    ("config", "code", "pointer"),
    [
        ({"depends_on": ["hello/bad"]}, "self-reference", "/depends_on/0"),
        ({"depends_on": ["hello/nowhere"]}, "missing-component", "/depends_on/0"),
        ({"nested": [{"hello_nickname": "nowhere"}]}, "missing-component", "/nested/0/hello_nickname"),
        ({"depends_on": ["dev:hello/good"]}, "invalid-name", "/depends_on/0"),
        ({"depends_on": ["../../hello/good"]}, "invalid-name", "/depends_on/0"),
        ({"depends_on": [7]}, "invalid-name", "/depends_on/0"),
    ],
    ids=["itself", "nothing", "nothing, by nickname", "another environment", "a path", "a number"],
)
def test_bad_dependencies_stop_a_build(
    karma: Karma, config: dict[str, object], code: str, pointer: str
) -> None:
    """Exit 3 with code, component and pointer; no graph is published."""
    write_config(karma.project, "prod", "hello/bad", json.dumps(config))
    karma.json("config", "publish")
    built = karma.json("graph", "build", code=3)
    assert (built["status"], built["build_id"]) == ("invalid", None)
    errors = [
        (f["code"], f["component"], f["pointer"]) for f in built["findings"] if f["severity"] == "error"
    ]
    assert errors == [(code, "hello/bad", pointer)]
    assert karma.refuses("graph", "show", code=1).error["code"] == "not-found"


def test_a_cycle_of_two_names_both_and_its_fields(karma: Karma) -> None:
    """Every cycle is reported once, with the fields that form it; a plan of it is refused as well."""
    write_config(karma.project, "prod", "hello/a", link("b"))
    write_config(karma.project, "prod", "hello/b", link("a"))
    karma.json("config", "publish")
    built = karma.json("graph", "build", code=3)
    (cycle,) = [f for f in built["findings"] if f["code"] == "cycle"]
    assert all(named in cycle["message"] for named in ("hello/a", "hello/b", "/depends_on/0"))
    planned = karma.json("plan", "--all", code=3)
    blocked = {c["address"] for c in planned["components"] if c["action"] == "blocked"}
    assert blocked == {"hello/a", "hello/b"}


def test_a_cycle_of_100_000_is_found(karma: Karma) -> None:
    """No recursion and no quadratic search: one finding of bounded length, exit 3, well under a minute."""
    count = 100_000
    karma.json("config", "publish")
    store = LocalParameters(karma.state / "parameters.sqlite", clock=lambda: datetime.now(UTC))
    store.put(
        [
            ParameterWrite(name=f"/iac/hello/c{n}/config", value=link(f"c{(n + 1) % count}"), base=0)
            for n in range(count)
        ]
    )
    store.close()
    ran = karma.run("graph", "build", "--json")
    assert ran.code == 3
    (cycle,) = [f for f in ran.document["findings"] if f["severity"] == "error"]
    assert cycle["code"] == "cycle"
    assert "100,000" in cycle["message"] or "100000" in cycle["message"]
    assert len(cycle["message"]) < 10_000
    assert not karma.json("graph", "history")["builds"]
