"""Findings on the variables of a component's module: which lack a value, which config keys are unused."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from difflib import get_close_matches
from typing import Final, NamedTuple

from karma_core import ids
from karma_core.component_types import TypeDefinition, TypeFrom
from karma_core.ids import Address
from karma_core.inference.facts import Variable
from karma_core.inference.program import Program
from karma_core.json_types import JsonMapping, JsonValue
from karma_core.model import Finding, Severity
from karma_core.references.base import Context, Reference, Subject
from karma_core.references.entries import pointer_to
from karma_core.references.state import reads_unseen
from karma_core.references.value import VIA as VALUE
from karma_core.root_variables import CONFIG, DEPENDENCIES, RESERVED

_SUFFIXES: Final = ("_nickname", "_nicknames")
_KARMAS: Final = frozenset({"region", "environment", *RESERVED})
_BRANCHES: Final = ("allOf", "anyOf", "oneOf")
_CONDITIONS: Final = ("if", "then", "else")
MAX_SUBSCHEMAS: Final = 1_000
"""Parts of a schema that are looked through for the names of keys. Ours: real ones have a dozen."""


class _Known(NamedTuple):
    """What is known of a type: its root variables, those of Karma's that it has, those that it requires.

    `takes_all`: it may take or read its config as a whole. No variables (None): nothing is known of it.
    """

    declared: Mapping[str, Variable] | None = None
    reserved: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    takes_all: bool = False


class VariableCheck:
    """Compares what a module's root declares with what a component's config gives it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._of_type: dict[str, _Known] = {}
        self._spare: dict[tuple[str, ...], list[str]] = {}
        self._named: dict[str, tuple[frozenset[str], tuple[re.Pattern[str], ...]]] = {}

    def find(self, subject: Subject) -> Iterator[Finding]:
        """`reserved-variable`, `missing-variable` and `config-key-unused`, in this order."""
        known = self._of_type.get(subject.type) or self._know(subject.type)
        if known.declared is None:
            return
        config = subject.config
        for name in known.reserved:
            if name in config and self._differs(subject, name):
                yield _reserved(subject, name)
        for name in known.required:
            if name not in config or (config[name] is None and not known.declared[name].nullable):
                yield _missing(subject, name, known.declared[name], is_null=name in config)
        if not known.takes_all and not reads_unseen(subject):
            yield from self._unused(subject, known.declared)

    def _know(self, component_type: str) -> _Known:
        """What the check of every component of a type is made of."""
        program = self._context.program(component_type)
        known = _Known()
        if program is not None:
            declared = program.body.variables
            taken, given = self._context.taken(component_type), self._context.given(component_type)
            definition = self._context.definition(component_type)
            known = _Known(
                declared,
                tuple(sorted((RESERVED & declared.keys() & taken) - definition.variables.keys())),
                tuple(sorted(n for n, one in declared.items() if one.default is None and n not in given)),
                takes_all=_takes_whole_config(program, taken),
            )
        self._of_type[component_type] = known
        return known

    def _differs(self, subject: Subject, name: str) -> bool:
        """Whether the config has another value under a reserved name than Karma gives."""
        component_type, nickname, _ = Address.of(subject.address)
        karmas = {"nickname": nickname, "component_name": component_type, "iac_prefix": self._context.prefix}
        return name in {CONFIG, DEPENDENCIES} or subject.config[name] != karmas[name]

    def _unused(self, subject: Subject, declared: Mapping[str, Variable]) -> Iterator[Finding]:
        shape = (subject.type, *subject.config)
        keys = self._spare.get(shape)
        if keys is None:  # once for all configs of a type with the same keys
            unused = [
                key for key in subject.config if key not in declared and not self._is_used(subject, key)
            ]
            keys = self._spare[shape] = sorted(unused)
        if keys:
            edges = {
                resolved.pointer.split("/", 2)[1]
                for resolved in subject.resolved
                if isinstance(resolved, Reference)
                and resolved.via != VALUE
                and resolved.pointer.startswith("/")
            }
            free = declared.keys() - subject.config.keys()
            for key in keys:
                if pointer_to("", key)[1:] not in edges:
                    yield _unused(subject, key, free)

    def _is_used(self, subject: Subject, key: str) -> bool:
        """Whether Karma or the type's definition knows the key."""
        if key in _KARMAS or key.startswith("$") or key.endswith(_SUFFIXES):
            return True
        if key in self._context.taken(subject.type):
            return True
        if subject.type not in self._named:
            self._named[subject.type] = _named_keys(self._context.definition(subject.type))
        names, patterns = self._named[subject.type]
        return key in names or any(pattern.search(key) for pattern in patterns)


def _takes_whole_config(program: Program, taken: Collection[str]) -> bool:
    """Whether the module takes the config as one variable, or may read it from its parameter."""
    body = program.body
    return (CONFIG in body.variables and CONFIG in taken) or program.may_read_config or bool(program.unseen)


def _named_keys(definition: TypeDefinition) -> tuple[frozenset[str], tuple[re.Pattern[str], ...]]:
    """The top-level keys of configs that the type's definition names, and patterns of such."""
    fields = [*(rule.field for rule in definition.match), *definition.protected_fields]
    beside = [one.type_from for one in definition.references.values() if isinstance(one, TypeFrom)]
    names = {
        *definition.references,
        *beside,
        *(field.lstrip("/").split(".")[0].split("/")[0] for field in fields),
    }
    patterns: list[re.Pattern[str]] = []
    waiting: list[JsonValue] = [definition.config_schema]
    for _ in range(MAX_SUBSCHEMAS):
        if not waiting:
            break
        schema = waiting.pop()
        if isinstance(schema, Mapping):
            names.update(_members(schema, "properties"))
            patterns += [made for text in _members(schema, "patternProperties") if (made := _pattern(text))]
            waiting += [one for branch in _BRANCHES for one in _listed(schema.get(branch))]
            waiting += [schema.get(branch) for branch in _CONDITIONS]
            waiting.append(_at(definition.config_schema, schema.get("$ref")))
    return frozenset(names), tuple(patterns)


def _members(schema: JsonMapping, keyword: str) -> Collection[str]:
    value = schema.get(keyword)
    return value.keys() if isinstance(value, Mapping) else ()


def _listed(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _at(root: JsonValue, reference: JsonValue) -> JsonValue:
    """The part of a schema that a `$ref` to it names; None for any other."""
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    for part in reference[2:].split("/"):
        root = root.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(root, Mapping) else None
    return root


def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text)
    except re.error:
        return None


def _reserved(subject: Subject, name: str) -> Finding:
    return Finding(
        code="reserved-variable",
        severity=Severity.ERROR,
        component=subject.address,
        pointer=pointer_to("", name),
        message=f"the module's variable {name} gets its value from Karma, and the config has another one "
        f"under {name}. Rename the key, or say in component.yaml who gives the variable: "
        f"`variables: {{{name}: config}}` or `variables: {{{name}: karma}}`.",
    )


def _missing(subject: Subject, name: str, variable: Variable, *, is_null: bool) -> Finding:
    why, step = "nothing gives it a value", f"Add the key {name} to the config"
    if is_null:
        why, step = "the config gives it null, which it does not take", f"Give the key {name} a value"
    return Finding(
        code="missing-variable",
        severity=Severity.ERROR,
        component=subject.address,
        pointer=variable.place,
        message=f"the module requires the variable {name}, and {why}. {step}, add the variable to the "
        "environment's settings (`variables`), or give it a default.",
    )


def _unused(subject: Subject, key: str, free: Collection[str]) -> Finding:
    near = get_close_matches(key, sorted(free), n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return Finding(
        code="config-key-unused",
        severity=Severity.WARNING,
        component=subject.address,
        pointer=pointer_to("", key),
        message=f"the module has no variable {ids.shown(key)}, and does not read the config as a whole, so "
        f"that the key has no effect.{hint} Correct the key, drop it, or list it in the type's schema.",
    )
