"""`[api]`: who may do what without a token is said in full words, or nobody may."""

from __future__ import annotations

from pathlib import Path

import pytest

from karma_adapters.wiring.reading import read_settings
from karma_core.errors import SettingsError
from karma_core.roles import Role

WRITING = [Role.OPERATOR, Role.APPROVER, Role.ADMIN]


def role_of(root: Path, text: str) -> Role | None:
    """The role without a token, with these settings."""
    (root / "karma.toml").write_text(f"[api]\n{text}\n")
    return read_settings(root).api.role_without_token


def test_a_reader_without_a_token_is_a_plain_setting(tmp_path: Path) -> None:
    """And none is the default."""
    assert role_of(tmp_path, "") is None
    assert role_of(tmp_path, 'anonymous_role = "viewer"') is Role.VIEWER


@pytest.mark.parametrize("role", WRITING)
def test_more_is_refused_on_a_port(tmp_path: Path, role: Role) -> None:
    """Every page, program and user that reaches it would act; the error says both ways out."""
    with pytest.raises(SettingsError) as caught:
        role_of(tmp_path, f'anonymous_role = "{role}"')
    assert "Unix socket" in caught.value.why
    assert f"{role} for everybody who can connect" in caught.value.why
    with pytest.raises(SettingsError):
        role_of(tmp_path, f'anonymous_role = "{role} for everybody"')


@pytest.mark.parametrize("role", WRITING)
def test_more_is_given_on_a_socket_or_in_full_words(tmp_path: Path, role: Role) -> None:
    """Its folder's owner says who can connect; or somebody wrote what it means."""
    assert role_of(tmp_path, f'anonymous_role = "{role}"\nsocket = ".karma/api"') is role
    assert role_of(tmp_path, f'anonymous_role = "{role} for everybody who can connect"') is role
