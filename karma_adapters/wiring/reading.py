"""Reading the settings: `karma.toml`, and `KARMA_…` variables over it.

A nested setting is reached by two underscores (`KARMA_PROJECT__ORCHESTRATOR=direct`). A variable's text is
taken as it is where the setting is a text, else read as JSON where it is JSON. A secret may be in a file
instead, as containers and systemd hand them on: its variable with `_FILE` behind it names the file.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_type_hints

from msgspec import Struct
from msgspec.structs import replace

from karma_adapters.wiring.settings import Sections, Settings
from karma_core import documents
from karma_core.documents import Secret, TypeForm, origin_of, written
from karma_core.errors import SettingsError
from karma_core.exact_numbers import exact
from karma_core.json_types import JsonMapping, JsonObject, JsonValue
from karma_core.policy.document import read_policy
from karma_core.policy.identities import read_identities

FILE: Final = "karma.toml"
VARIABLE: Final = "KARMA_"
IN_FILE: Final = "_FILE"
"""Behind the name of a secret's variable: it names the file that holds the secret."""
OWN_VARIABLES: Final = frozenset(
    {"KARMA_ENV", "KARMA_PROJECT_DIR", "KARMA_USER", "KARMA_TOKEN", "KARMA_FAILPOINT"}
)
"""Variables that are no settings: environment, project, user, the user's token, fault injection."""


def read_settings(root: Path) -> Settings:
    """The settings of the project in root; SettingsError with file and key for what cannot be used."""
    path = root / FILE
    try:
        body = tomllib.loads(path.read_text("utf-8"), parse_float=_number) if path.is_file() else {}
    except (ValueError, OSError) as error:
        raise SettingsError(f"{FILE} cannot be read", why=str(error), next_step="correct the file") from error
    _refuse_unknown_variables(os.environ)
    return settings_of(root, merged(body, variables(os.environ)))


def _number(text: str) -> float | int | Decimal:
    """A number with a point or an exponent, exact, because environments give their variables to Terraform."""
    return exact(text) if text[-1:].isdigit() else float(text)  # inf, nan


def settings_of(root: Path, body: JsonMapping) -> Settings:
    """The settings in a document that has the keys of `karma.toml`; SettingsError as `read_settings`."""
    try:
        sections = documents.read(Sections, body, strict=False)
    except documents.Faults as error:
        raise _refused(error.summary(whole=FILE)) from error
    environments = {
        name: replace(section, policy=_policy(sections, section.policy, f"environments.{name}.policy"))
        for name, section in sections.environments.items()
    }
    _policy(sections, {}, "policy")
    try:
        read_identities(sections.identities)
    except SettingsError as error:
        raise _refused(f"identities: {error.why}") from error
    values = {name: getattr(sections, name) for name in Sections.__struct_fields__}
    return Settings(root=root, **{**values, "environments": environments})


def _policy(sections: Sections, own: JsonMapping, place: str) -> JsonObject:
    """The policy of an environment as JSON values, once it was seen that it can be used."""
    try:
        return written(read_policy({**sections.policy, **own}))
    except SettingsError as error:
        raise _refused(f"{place}: {error.why}") from error


def _refused(why: str) -> SettingsError:
    return SettingsError(
        "a setting cannot be used",
        why=why,
        next_step=f"correct it in {FILE} or in its {VARIABLE} variable; docs/settings.md lists all",
    )


def variables(environ: Mapping[str, str]) -> JsonObject:
    """The settings that variables give, as a document with the keys of `karma.toml`.

    SettingsError where a secret is given twice, or its file cannot be read.
    """
    document: JsonObject = {}
    for name in sorted(environ):
        if name.startswith(VARIABLE) and not _is_no_setting(name):
            path, text = _path(name), environ[name]
            if _names_a_file(path):
                plain = name.removesuffix(IN_FILE)
                if plain in environ:
                    raise SettingsError(f"both {plain} and {name} are set", next_step="unset one of them")
                path, text = _path(plain), secret_in(Path(text), name)
            document = merged(document, _nested(Sections, path, text))
    return document


def _path(variable: str) -> list[str]:
    return variable.removeprefix(VARIABLE).lower().split("__")


def _names_a_file(path: list[str]) -> bool:
    """Whether the variable at this path names the file of a secret."""
    if not path[-1].endswith(IN_FILE.lower()):
        return False
    kind: TypeForm = Sections
    for key in (*path[:-1], path[-1].removesuffix(IN_FILE.lower())):
        kind = _below(kind, key)
    return _bare(kind) is Secret


def secret_in(path: Path, variable: str) -> str:
    """The text of a file without the line breaks at its end; SettingsError where there is none."""
    try:
        text = path.read_text("utf-8").rstrip("\r\n")
        why = "it is empty"
    except (OSError, UnicodeDecodeError) as error:
        text, why = "", (error.strerror if isinstance(error, OSError) else None) or "it is no text"
    if not text:
        raise SettingsError(
            f"the secret in {path} cannot be read",
            why=why,
            next_step=f"write it there, readable for this user, or correct {variable}",
        )
    return text


def _nested(kind: TypeForm, path: list[str], text: str) -> JsonValue:
    if not path:
        return _value(kind, text)
    return {path[0]: _nested(_below(kind, path[0]), path[1:], text)}


def _below(kind: TypeForm, key: str) -> TypeForm:
    """The type of a key of a section, or of a table of such."""
    kind = _bare(kind)
    if isinstance(kind, type) and issubclass(kind, Struct):
        return get_type_hints(kind, include_extras=True).get(key, Any)
    return get_args(kind)[1] if origin_of(kind) is dict else Any


def _value(kind: TypeForm, text: str) -> JsonValue:
    kind = _bare(kind)
    if kind in {str, Secret} or origin_of(kind) is Literal:
        return text
    try:
        return json.loads(text, parse_float=_number)
    except ValueError:
        return text


def _bare(kind: TypeForm) -> TypeForm:
    """A type without its bounds, and without None beside it."""
    if origin_of(kind) is Annotated:
        return _bare(get_args(kind)[0])
    if origin_of(kind) in {Union, UnionType}:
        return _bare(next(one for one in get_args(kind) if one is not type(None)))
    return kind


def merged(base: JsonMapping, over: JsonMapping) -> JsonObject:
    """Merge two documents; if both have a value that is no table, the second one's wins."""
    both = {
        key: merged(base[key], over[key])
        for key in base.keys() & over.keys()
        if isinstance(base[key], Mapping) and isinstance(over[key], Mapping)
    }
    return {**base, **over, **both}


def _is_no_setting(variable: str) -> bool:
    """Whether a variable is read elsewhere, or by the tests."""
    return variable in OWN_VARIABLES or variable.startswith("KARMA_TEST_") or variable == "KARMA_SOAK"


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    """Refuse a KARMA_ variable that names no setting, which would otherwise be ignored silently."""
    for variable in sorted(environ):
        if not variable.startswith(VARIABLE) or _is_no_setting(variable):
            continue
        if variable.removeprefix(VARIABLE).split("__")[0].lower() not in Sections.__struct_fields__:
            raise SettingsError(
                f"the variable {variable} names no setting",
                next_step="unset it, or write it like KARMA_PROJECT__ORCHESTRATOR",
            )


def project_to_serve() -> Path:
    """The folder of the project that KARMA_PROJECT_DIR names, else that of the current folder."""
    named = os.environ.get("KARMA_PROJECT_DIR")
    return Path(named).resolve() if named else find_project(Path.cwd())


def find_project(start: Path) -> Path:
    """The nearest folder, from start upwards, that holds a karma.toml; else start itself."""
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder
    return start
