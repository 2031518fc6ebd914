"""Settings of stores in AWS: what is missing or unsafe is refused with its key, before anything is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from karma_adapters.aws.places import places, sinks
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


SHARED = '[environments.{name}]\nparameters = "ssm"\n{more}\n'


@pytest.mark.parametrize(
    ("dev", "prod", "refused"),
    [
        ("", "", True),
        ('prefix = "/iac"', 'prefix = "/iac"', True),
        ('prefix = "/dev"', 'prefix = "/prod"', False),
        ('region = "eu-west-1"', 'region = "us-east-1"', False),
        ('aws = { profile = "a" }', 'aws = { profile = "b" }', False),
        (
            'aws = { role_arn = "arn:aws:iam::111111111111:role/dev" }',
            'aws = { role_arn = "arn:aws:iam::111111111111:role/prod" }',
            True,
        ),
        (
            'aws = { role_arn = "arn:aws:iam::111111111111:role/karma" }',
            'aws = { role_arn = "arn:aws:iam::222222222222:role/karma" }',
            False,
        ),
    ],
)
def test_two_environments_never_share_parameters(tmp_path: Path, dev: str, prod: str, refused: bool) -> None:
    """One account, one region, one prefix: each would delete and overwrite what is the other's."""
    text = SHARED.format(name="dev", more=dev) + SHARED.format(name="prod", more=prod)
    if not refused:
        read_settings(written(tmp_path, text))
        return
    with pytest.raises(SettingsError) as caught:
        read_settings(written(tmp_path, text))
    assert "dev and prod keep parameters in one place" in caught.value.why
    assert "prefix" in caught.value.why


def test_parameters_in_files_are_each_environments_own(tmp_path: Path) -> None:
    """The default: one prefix for all, a file for each."""
    read_settings(written(tmp_path, "[environments.dev]\n[environments.prod]\n"))


LOCAL_AND_AWS = """
[environments.dev]

[environments.prod]
state = "dynamodb"
aws = { state_table = "t", log_table = "l" }

[environments.prod.log]
sinks = ["dynamodb"]
required = "dynamodb"
"""


def test_one_project_has_an_environment_here_and_one_in_aws(tmp_path: Path) -> None:
    """Sinks are those of the environment, else those of all; places, policy and doctor ask for them so."""
    settings = read_settings(written(tmp_path, LOCAL_AND_AWS))
    assert settings.log_of("dev").required == "sqlite"
    assert settings.log_of("prod").required == "dynamodb"
    assert sinks(settings, "dev") == {"sqlite", "file"}
    assert sinks(settings, "prod") == {"dynamodb"}
    assert places(settings, "dev") == ()
    assert {place.name for place in places(settings, "prod")} == {"t", "l"}
    for name in ("dev", "prod"):
        assert open_workspace(settings, name).name == name


def test_a_log_of_an_environment_takes_from_all_what_it_does_not_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the required sink is otherwise: the copies stay. A variable can say it, too."""
    text = '[log]\nsinks = ["file"]\n[environments.prod.log]\nrequired = "s3"\n'
    settings = read_settings(written(tmp_path, text))
    assert settings.log_of("prod").sinks == ("file",)
    assert settings.log_of("prod").required == "s3"
    monkeypatch.setenv("KARMA_ENVIRONMENTS__PROD__LOG__REQUIRED", "file")
    assert read_settings(tmp_path).log_of("prod").required == "file"


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
    options = S3Backend(None, place).options("vpc/core", version)  # type: ignore[arg-type]
    assert options == {"bucket": "b", "key": "p/vpc/core/terraform.tfstate", "encrypt": "true", **lock}
    with pytest.raises(SettingsError):
        S3Backend(None, StatePlace(bucket="b")).options("vpc/core", "terraform 1.9.8")  # type: ignore[arg-type]
