"""The environment that Prefect's server is started with: passwords from files, and in an URL as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import make_url

from flows.prefect_server import server_variables
from karma_core.errors import SettingsError

AUTH = "karma:password"
AWKWARD = "p@ss:w/rd#? %41é"


def test_the_database_s_password_may_hold_any_character(tmp_path: Path) -> None:
    """It is escaped in the URL, and stands nowhere else."""
    secret = tmp_path / "password"
    secret.write_text(f"{AWKWARD}\n", "utf-8")
    parts = {"HOST": "postgres", "NAME": "runs", "USER": "us@er", "PASSWORD_FILE": str(secret)}
    given = {f"PREFECT_SERVER_DATABASE_{name}": text for name, text in parts.items()}
    made = server_variables(given, AUTH, "0.0.0.0", 4200)  # noqa: S104 - nothing listens
    url = make_url(made["PREFECT_SERVER_DATABASE_CONNECTION_URL"])
    assert (url.host, url.port, url.database) == ("postgres", 5432, "runs")
    assert (url.username, url.password) == ("us@er", AWKWARD)
    assert [name for name in made if name.startswith("PREFECT_SERVER_DATABASE_")] == [
        "PREFECT_SERVER_DATABASE_CONNECTION_URL"
    ]


def test_an_url_that_is_given_is_kept() -> None:
    """And so is everything else that Prefect reads."""
    given = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": "postgresql+asyncpg://a@b/c", "PREFECT_HOME": "/tmp/p"}  # noqa: S108
    made = server_variables(given, AUTH, "127.0.0.1", 4201)
    assert given.items() <= made.items()
    assert made["PREFECT_API_URL"] == "http://127.0.0.1:4201/api"
    assert made["PREFECT_SERVER_API_AUTH_STRING"] == AUTH


def test_browsers_ask_under_the_address_that_they_see() -> None:
    """The pages ask their own server, and no page of another origin is allowed anything."""
    made = server_variables({"PREFECT_UI_URL": "https://prefect.example.org/"}, AUTH, "127.0.0.1", 4200)
    assert made["PREFECT_UI_API_URL"] == "/api"
    assert made["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] == "https://prefect.example.org"


@pytest.mark.parametrize(
    ("given", "auth", "host", "what"),
    [
        ({}, "", "0.0.0.0", "would serve everybody"),  # noqa: S104
        ({"PREFECT_SERVER_DATABASE_HOST": "db"}, AUTH, "127.0.0.1", "password of Prefect's database"),
        (
            {"PREFECT_SERVER_DATABASE_HOST": "db", "PREFECT_SERVER_DATABASE_PASSWORD_FILE": "/absent"},
            AUTH,
            "127.0.0.1",
            "cannot be read",
        ),
    ],
)
def test_a_missing_secret_is_an_error(given: dict[str, str], auth: str, host: str, what: str) -> None:
    """The server is not started without it."""
    with pytest.raises(SettingsError, match=what):
        server_variables(given, auth, host, 4200)
