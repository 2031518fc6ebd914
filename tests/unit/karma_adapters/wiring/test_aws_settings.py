"""Settings of stores in AWS: what is missing or unsafe is refused with its key, before anything is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from karma_adapters.terraform.s3_backend import S3Backend, StatePlace
from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_adapters.wiring.settings import AwsSettings, Environment
from karma_core.errors import SettingsError

DOCUMENT = Path(__file__).parents[4] / "docs" / "settings.md"


def written(root: Path, text: str) -> Path:
    """A project with these settings."""
    (root / "karma.toml").write_text(text, "utf-8")
    return root


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('state = "dynamodb"', "aws.state_table"),
        ('artifacts = "s3"', "aws.bucket"),
        ('terraform_state = "s3"', "aws.tfstate_bucket"),
        ('parameters = "consul"', "environments.dev.parameters"),
        ('aws = { role_arn = "karma" }', "environments.dev.aws.role_arn"),
        ('aws = { endpoint_url = "https://user@host" }', "environments.dev.aws.endpoint_url"),
        ("aws = { requests_per_second = 0 }", "requests_per_second"),
        ('aws = { secret_access_key = "x" }', "secret_access_key"),
    ],
)
def test_refused_with_the_key(tmp_path: Path, text: str, said: str) -> None:
    """A store that is not named, or a value that cannot be."""
    with pytest.raises(SettingsError) as caught:
        read_settings(written(tmp_path, f"[environments.dev]\n{text}\n"))
    assert said in caught.value.why


def test_two_environments_never_share_terraform_states(tmp_path: Path) -> None:
    """They would overwrite each other's."""
    place = 'aws = {{ bucket = "b", tfstate_prefix = "{prefix}" }}\n'
    one = f'\n[environments.{{name}}]\nterraform_state = "s3"\n{place}'
    shared = one.format(name="dev", prefix="") + one.format(name="prod", prefix="/")
    with pytest.raises(SettingsError) as caught:
        read_settings(written(tmp_path, shared))
    assert "dev and prod" in caught.value.why
    read_settings(written(tmp_path, one.format(name="dev", prefix="") + one.format(name="prod", prefix="p")))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[log]\nsinks = ["dynamodb"]\nrequired = "dynamodb"', "log_table"),
        ('[log]\nsinks = ["sqlite", "s3"]', "bucket"),
        ('[environments.dev]\nstate = "dynamodb"\naws = { state_table = "t" }', "sqlite"),
    ],
)
def test_a_log_that_has_no_place_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """A sink needs its table or bucket; a shared state needs a shared log."""
    (tmp_path / "iac" / "dev").mkdir(parents=True)
    with pytest.raises(SettingsError) as caught:
        open_workspace(read_settings(written(tmp_path, text)), "dev")
    assert said in caught.value.what


def test_every_key_is_documented() -> None:
    """docs/settings.md names each key of the sections that concern AWS."""
    text = DOCUMENT.read_text("utf-8")
    keys = {*AwsSettings.__struct_fields__, *Environment.__struct_fields__} - {"aws"}
    assert [key for key in sorted(keys) if f"`{key}`" not in text] == []


@pytest.mark.parametrize(
    ("version", "lock"),
    [
        ("terraform 1.11.4", {"use_lockfile": "true"}),
        ("opentofu 1.10.0", {"use_lockfile": "true"}),
        ("terraform 1.9.8", {"dynamodb_table": "locks"}),
    ],
)
def test_a_state_is_always_locked(version: str, lock: dict[str, str]) -> None:
    """By a lock file from 1.10 on, before by a table; without either nothing is run."""
    place = StatePlace(bucket="b", prefix="p", lock_table="locks")
    options = S3Backend(None, place, lambda: version).options("vpc/core")  # type: ignore[arg-type]
    assert options == {"bucket": "b", "key": "p/vpc/core/terraform.tfstate", "encrypt": "true", **lock}
    with pytest.raises(SettingsError):
        S3Backend(None, StatePlace(bucket="b"), lambda: "terraform 1.9.8").options("vpc/core")  # type: ignore[arg-type]
