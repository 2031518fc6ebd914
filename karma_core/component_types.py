"""The definition of a component type: `component.yaml`, or `[types.<type>]` in karma.toml."""

from __future__ import annotations

from typing import Literal

from msgspec import field as key

from karma_core import documents, ids
from karma_core.documents import Document
from karma_core.engines import ANY, EngineChoice
from karma_core.errors import BadInput
from karma_core.json_types import JsonObject
from karma_core.reload_actions import Reload


class Match(Document, frozen=True, kw_only=True):
    """A rule by which a config field names a producer by one of the producer's config values.

    `field` and `equals` are config keys (dots descend). A trailing dot and case are ignored in the
    comparison, because DNS names are the common use.
    """

    field: str
    type: str
    equals: str


class TypeFrom(Document, frozen=True, kw_only=True):
    """The type of the component that a key names stands under another key beside it."""

    type_from: str


class TypeDefinition(Document, frozen=True, kw_only=True):
    """A component type as Karma sees it; every field has a default, so that a type needs no file."""

    description: str = ""
    config_schema: JsonObject | bool | None = key(default=None, name="schema")
    references: dict[str, str | TypeFrom | None] = {}
    """Config key → component type, for keys that do not say it (`cluster_nickname: ecs-cluster`).

    None: the key names no component, whatever it ends in. TypeFrom: its type stands under another key.
    """
    match: list[Match] = []
    consumes: dict[str, list[str]] = {}
    """Producer type → keys of its runtime that this type reads."""
    propagation: Literal["apply", "reload", "none"] = "apply"
    reload: Reload | None = None
    runtime: Literal["module", "karma"] | None = None
    """Who writes the runtimes of this type; None: what the module's evaluation says."""
    variables: dict[str, Literal["config", "karma"]] = {}
    """Variable of Karma's (`nickname`) → who gives it: the config's key of that name, or Karma whatever the
    config has under it."""
    share_secrets_with: list[str] = []
    """Types whose configs may take secret values from the runtimes of this type without an approval."""
    provisioner_credentials: bool = False
    """Whether the commands that the module runs (`local-exec`) get the worker's cloud credentials."""
    terraform: EngineChoice = ANY
    """The engine that runs modules of this type, and which versions of it may."""
    protected: bool = False
    """Protected components are not destroyed or replaced without an approval."""
    protected_fields: list[str] = []


EMPTY = TypeDefinition()


def read_definition(component_type: str, body: JsonObject) -> TypeDefinition:
    """The definition in a parsed component.yaml; BadInput `component-type` with the place of every fault."""
    try:
        definition = documents.read(TypeDefinition, body)
        for target in (
            *(target for target in definition.references.values() if isinstance(target, str)),
            *definition.consumes,
            *definition.share_secrets_with,
            *(m.type for m in definition.match),
        ):
            ids.check_type(target)
    except documents.Faults as error:
        raise BadInput(
            f"component.yaml of {component_type} cannot be used",
            why=error.summary(whole="file"),
            next_step="correct the file; docs/component-types.md lists what it may hold",
            code="component-type",
        ) from error
    if definition.propagation == "reload" and definition.reload is None:
        raise BadInput(
            f"component.yaml of {component_type} cannot be used",
            why="propagation is reload, but no reload action is given",
            next_step="add `reload:` with a command or another action",
            code="component-type",
        )
    return definition
