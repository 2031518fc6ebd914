"""docs/settings.md says every setting with its default, and every variable."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from msgspec import NODEFAULT, Struct
from msgspec.structs import FieldInfo, fields

from karma_adapters.wiring import settings
from karma_adapters.wiring.kinds import SINKS, STORES, Kind
from karma_adapters.wiring.reading import OWN_VARIABLES, read_settings
from karma_adapters.wiring.settings import Sections
from karma_core.documents import Secret
from karma_core.engines import EngineChoice
from karma_core.policy.document import Policy

TEXT = (Path(__file__).parents[3] / "docs" / "settings.md").read_text("utf-8")
SECTIONS: dict[str, type[Struct]] = {
    "project": settings.Project,
    "environments.<name>": settings.Environment,
    "terraform": settings.TerraformSettings,
    "reload": settings.ReloadSettings,
    "api": settings.ApiSettings,
    "oidc.<name>": settings.IssuerSettings,
    "webhooks": settings.WebhookSettings,
    "github": settings.GithubSettings,
    "service": settings.ServiceSettings,
    "log": settings.LogSettings,
    "environments.<name>.log": settings.EnvironmentLog,
    "environments.<name>.terraform": EngineChoice,
}


def table(section: str) -> dict[str, str]:
    """Key → default, as the section's table says."""
    match = re.search(rf"^## `\[{re.escape(section)}\]`$(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert match, f"docs/settings.md has no section on [{section}]"
    return dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", match[1], re.MULTILINE))


def test_every_section_is_said() -> None:
    """A new section has to be added here and in the page."""
    known = {name.partition(".")[0] for name in SECTIONS} | {"identities", "policy", "types"}
    assert set(Sections.__struct_fields__) == known
    assert "## `[types.<type>]`" in TEXT
    assert "## `[identities]`" in TEXT


def test_every_key_of_the_policy_is_said_with_its_default() -> None:
    """As for the sections."""
    assert table("policy") == {field.name: _shown(_default(field)) for field in fields(Policy)}


def _default(field: FieldInfo) -> Any:
    return field.default_factory() if field.default is NODEFAULT else field.default


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_said_with_its_default(section: str) -> None:
    """Neither a key nor a changed default goes unsaid, and none is said that does not exist."""
    defaults = {field.name: _shown(_default(field)) for field in fields(SECTIONS[section])}
    assert table(section) == defaults


def _shown(default: Any) -> str:
    if isinstance(default, Secret):
        default = default.reveal()
    return "none" if default in (None, [], {}) else f"`{json.dumps(default)}`"


@pytest.mark.parametrize(
    ("section", "key", "kinds"),
    [*(("environments.<name>", key, kinds) for key, kinds in STORES.items()), ("log", "sinks", SINKS)],
)
def test_every_kind_of_store_and_sink_is_said(section: str, key: str, kinds: tuple[Kind, ...]) -> None:
    """In the row of the key that names it."""
    row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{key}` |"))
    assert key in table(section)
    assert [kind.name for kind in kinds if kind.name not in re.findall(r"\w+", row)] == []


def test_every_variable_is_said() -> None:
    """Variables that are no settings stand in their own table."""
    assert [name for name in sorted(OWN_VARIABLES) if f"`{name}`" not in TEXT] == []


def test_examples_are_read_by_the_product(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever copies an example, or sets a variable as shown, is understood."""
    for example in re.findall(r"^```toml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL):
        (tmp_path / "karma.toml").write_text(example, "utf-8")
        settings_read = read_settings(tmp_path)
        for section in tomllib.loads(example):
            assert getattr(settings_read, section) is not None
    shown = re.findall(r"`(KARMA_\w+__\w+)=([^`]+)`", TEXT)
    assert shown
    for name, value in shown:
        monkeypatch.setenv(name, value.strip("'"))
    chosen = read_settings(tmp_path)
    assert chosen.project.orchestrator == "direct"
    assert chosen.log.sinks == ("sqlite",)
