"""Which environment variables hold credentials."""

from __future__ import annotations

from karma_core.masking.names import credential_names


def test_credentials_are_told_by_the_names_of_variables() -> None:
    """Tokens of registries whatever their host is called; a shell's current folder is no password."""
    given = dict.fromkeys(
        (
            "AWS_ACCESS_KEY_ID",
            "AWS_REGION",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "DB_PWD",
            "OLDPWD",
            "PWD",
            "TF_TOKEN_registry_example_id",
        ),
        "x",
    )
    assert credential_names(given) == ("AWS_ACCESS_KEY_ID", "DB_PWD", "TF_TOKEN_registry_example_id")
