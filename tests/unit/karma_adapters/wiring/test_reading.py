"""Settings from karma.toml and variables: which one wins, what a text stands for, what is refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.wiring.reading import merged, read_settings, settings_of, variables
from karma_core.errors import SettingsError


@pytest.mark.parametrize(
    ("name", "text", "document"),
    [
        ("KARMA_PROJECT__ORCHESTRATOR", "direct", {"project": {"orchestrator": "direct"}}),
        ("KARMA_SERVICE__WORKERS", "3", {"service": {"workers": 3}}),
        ("KARMA_API__PORT", "0", {"api": {"port": 0}}),
        ("KARMA_API__ACCESS_LOG", "true", {"api": {"access_log": True}}),
        ("KARMA_LOG__SINKS", '["sqlite"]', {"log": {"sinks": ["sqlite"]}}),
        ("KARMA_GITHUB__TOKEN", "12345678", {"github": {"token": "12345678"}}),
        (
            "KARMA_ENVIRONMENTS__PROD__AWS__EXTERNAL_ID",
            "007",
            {"environments": {"prod": {"aws": {"external_id": "007"}}}},
        ),
        (
            "KARMA_ENVIRONMENTS__PROD__VARIABLES__SIZE",
            "2",
            {"environments": {"prod": {"variables": {"size": 2}}}},
        ),
        ("KARMA_API", '{"port": 1}', {"api": {"port": 1}}),
    ],
)
def test_a_variable_is_read_by_the_type_of_its_setting(
    name: str, text: str, document: dict[str, Any]
) -> None:
    """A text stays a text, also one that looks like a number; everything else is JSON."""
    assert variables({name: text, "HOME": "/root"}) == document


@pytest.mark.parametrize("name", ["KARMA_ENV", "KARMA_TOKEN", "KARMA_TEST_DATA", "KARMA_SOAK"])
def test_variables_that_are_no_settings_are_left_alone(name: str) -> None:
    """They are read elsewhere, or by the tests."""
    assert variables({name: "x"}) == {}


def test_a_secret_may_be_in_a_file(tmp_path: Path) -> None:
    """The line break at its end is not part of it; a setting that is no secret is not read from a file."""
    secret = tmp_path / "secret"
    secret.write_text(" a secret of its own \n", "utf-8")
    assert variables({"KARMA_SERVICE__PREFECT_AUTH_FILE": str(secret)}) == {
        "service": {"prefect_auth": " a secret of its own "}
    }
    given = {"KARMA_ENVIRONMENTS__PROD__WEBHOOK_SECRET_FILE": str(secret)}
    assert variables(given)["environments"] == {"prod": {"webhook_secret": " a secret of its own "}}
    assert variables({"KARMA_API__HOST_FILE": str(secret)}) == {"api": {"host_file": str(secret)}}


@pytest.mark.parametrize("content", [None, "", "\n", b"\xff"])
def test_a_secret_that_is_not_there_is_an_error(content: str | bytes | None, tmp_path: Path) -> None:
    """A missing or empty file, or one that is no text, is not taken for no secret."""
    secret = tmp_path / "secret"
    if content is not None:
        secret.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingsError, match="cannot be read"):
        variables({"KARMA_GITHUB__TOKEN_FILE": str(secret)})


def test_a_secret_is_given_once(tmp_path: Path) -> None:
    """In its variable or in a file: of two nobody knows which counts."""
    given = {"KARMA_GITHUB__TOKEN": "a", "KARMA_GITHUB__TOKEN_FILE": str(tmp_path / "secret")}
    with pytest.raises(SettingsError, match="both KARMA_GITHUB__TOKEN and KARMA_GITHUB__TOKEN_FILE"):
        variables(given)


def test_variables_win_over_the_file_key_by_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a variable does not name stays as the file says."""
    (tmp_path / "karma.toml").write_text(
        '[api]\nport = 1\nburst = 7\n[environments.dev]\nregion = "eu-central-1"\n', "utf-8"
    )
    monkeypatch.setenv("KARMA_API__PORT", "2")
    monkeypatch.setenv("KARMA_ENVIRONMENTS__DEV__PARALLELISM", "9")
    settings = read_settings(tmp_path)
    assert (settings.api.port, settings.api.burst) == (2, 7)
    assert (settings.environments["dev"].region, settings.environments["dev"].parallelism) == (
        "eu-central-1",
        9,
    )


def test_numbers_that_modules_are_given_are_exact(tmp_path: Path) -> None:
    """An environment's variables reach Terraform with the digits that stand in the file."""
    digits = "12345678901234567890.123456789"
    text = f'[environments.dev]\nregion = "x"\nvariables = {{ a = {digits}, b = 0.5, c = 1_0.0 }}\n'
    (tmp_path / "karma.toml").write_text(text)
    given = read_settings(tmp_path).environments["dev"].variables
    assert given == {"a": Decimal(digits), "b": 0.5, "c": 10.0}
    (tmp_path / "karma.toml").write_text("[api]\nport = 1e-99999999999999999999\n")
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(tmp_path)


def test_two_documents_are_merged_table_by_table() -> None:
    """A list or a value of the second takes the place of the first's."""
    base = {"a": {"x": 1, "y": [1, 2]}, "b": 1}
    assert merged(base, {"a": {"y": [3]}, "c": {}}) == {"a": {"x": 1, "y": [3]}, "b": 1, "c": {}}


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"polcy": {}}, "polcy: there is no such key"),
        ({"api": {"burst": 0}}, "api.burst"),
        (
            {"environments": {"dev": {"aws": {"endpoint_url": "ftp://x"}}}},
            "environments.dev.aws.endpoint_url",
        ),
        ({"policy": {"approval_hours": 0}}, "policy"),
        ({"environments": {"dev": {"policy": {"aprovers": []}}}}, "environments.dev.policy"),
        ({"identities": {"ann": ["x"], "bob": ["x"]}}, "identities"),
        ({"webhooks": {"github_secret": "short"}}, "webhooks"),
        ({"environments": {"dev": {"webhook_secret": "short"}}}, "environments.dev"),
        ({"webhooks": {"generic_secret": "one for all environments"}}, "webhooks.generic_secret"),
    ],
)
def test_what_cannot_be_used_is_named_by_its_place(tmp_path: Path, body: dict[str, Any], place: str) -> None:
    """In the file as in a variable."""
    with pytest.raises(SettingsError) as refused:
        settings_of(tmp_path, body)
    assert place in refused.value.why


def test_a_secret_is_shown_nowhere(tmp_path: Path) -> None:
    """Neither in the tree's own text nor in an error about its neighbour."""
    secret = "a-secret-of-thirty-two-characters"
    webhooks = {"webhooks": {"github_secret": secret}, "environments": {"dev": {"webhook_secret": secret}}}
    settings = settings_of(tmp_path, {**webhooks, "github": {"token": secret}})
    assert settings.webhooks.github_secret.reveal() == secret
    assert settings.section("dev").webhook_secret.reveal() == secret
    assert secret not in repr(settings)
    with pytest.raises(SettingsError) as refused:
        settings_of(tmp_path, {"github": {"token": secret, "api_url": "nowhere"}})
    assert secret not in str(refused.value)
