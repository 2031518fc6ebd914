"""Secrets that a component passes on in its runtime, and secrets of configs where configs are shown."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from karma_core.masking.masker import MASK, Masker
from karma_core.model import to_builtins
from karma_core.plan.passed_on import PASSED_ON
from karma_core.records import Event, ParameterKind, ParameterWrite
from karma_core.use_cases.changes import reading
from karma_core.use_cases.configs import runtime_show
from karma_core.use_cases.configs.show import show
from karma_core.use_cases.fleet.applied_job import destroy_job
from karma_core.use_cases.graph.build import build_graph
from karma_core.use_cases.plans.plan import plan
from tests.change_system import ChangeSystem
from tests.memory_system import ALL, System

SECRET = "Tr0ub4dor&3zebra"
ENCODED = base64.b64encode(f"user:{SECRET}".encode()).decode()
PIN = {"b": {"schema": {"type": "object", "properties": {"pin": {"type": "string", "writeOnly": True}}}}}


def _secret_producer(system: System, secret: str = SECRET, keys: str = "(secret=token)") -> None:
    """A runtime of `a/one` that an earlier run published, with a secret and a public key."""
    system.configure(a_one={})
    system.deploy()
    _publish(system, secret, keys)


def _publish(system: System, secret: str, keys: str = "(secret=token)") -> None:
    """Another version of the runtime of `a/one`."""
    value = json.dumps({"token": secret, "host": "db.example.org"})
    description = f"Runtime of a/one, published by Karma in run r-1 {keys}".strip()
    name = "/iac/a/one/runtime"
    system.parameters.put(
        [ParameterWrite(name=name, value=value, kind=ParameterKind.SECURE, description=description)]
    )


def _runtime_parameter(system: System, address: str) -> Any:
    parameter = system.parameters.get(f"/iac/{address}/runtime")
    assert parameter is not None
    return parameter


def _events(system: System) -> list[Event]:
    return list(system.log.events())


def test_a_runtime_that_contains_a_secret_is_kept_as_one() -> None:
    """In whatever encoding: exactly, as a SecureString that names the key; plan, run and log say so."""
    system = System()
    _secret_producer(system)
    system.configure(b_two={"a_nickname": "one", "leak": ENCODED, "plain": "x"})
    planned = plan(system.workspace, ALL)
    assert [f.component for f in planned.findings if f.code == PASSED_ON] == ["b/two"]
    result = system.deploy()
    assert [w for w in result.warnings if PASSED_ON in w]
    held = _runtime_parameter(system, "b/two")
    assert held.kind is ParameterKind.SECURE
    assert held.description.endswith("(secret=leak)")
    assert system.runtime("b/two")["leak"] == ENCODED
    assert runtime_show.show(system.workspace, "b/two").runtime is None
    told = [e.inputs["passed_on"] for e in _events(system) if "passed_on" in e.inputs]
    assert told == [["leak"]]


def test_what_stands_beside_a_secret_is_none() -> None:
    """A public key of a secret runtime may be passed on: only the named keys are secret."""
    system = System()
    _secret_producer(system)
    system.configure(b_two={"a_nickname": "one", "host": "db.example.org"})
    system.deploy()
    assert _runtime_parameter(system, "b/two").kind is ParameterKind.STRING


def test_a_secret_runtime_that_names_no_keys_is_secret_as_a_whole() -> None:
    """As an earlier Karma, or a module, wrote it."""
    system = System()
    _secret_producer(system, keys="")
    system.configure(b_two={"a_nickname": "one", "host": "db.example.org"})
    system.deploy()
    assert _runtime_parameter(system, "b/two").kind is ParameterKind.SECURE


@pytest.mark.parametrize("secret", ["prod", "postgres", "eu-west-1", "12345"])
def test_short_and_common_values_are_secret_at_their_own_place_only(secret: str) -> None:
    """A region in a secret attribute does not make every runtime that names the region a secret."""
    system = System()
    _secret_producer(system, secret)
    system.configure(b_two={"a_nickname": "one", "region": secret})
    system.deploy()
    assert _runtime_parameter(system, "b/two").kind is ParameterKind.STRING


def test_a_runtime_in_the_clear_is_written_again_when_it_is_applied_next() -> None:
    """What an earlier Karma took for public becomes a SecureString, though its value is the same."""
    system = System()
    _secret_producer(system)
    system.configure(b_two={"a_nickname": "one", "leak": ENCODED})
    system.deploy()
    exact = _runtime_parameter(system, "b/two")
    value = system.parameters.get(exact.name, decrypt=True)
    assert value is not None
    system.parameters.delete([exact.name])
    system.parameters.put([ParameterWrite(name=exact.name, value=value.value or "")])
    system.modules.edit("b", "another version")
    system.deploy()
    assert _runtime_parameter(system, "b/two").kind is ParameterKind.SECURE


def test_an_error_of_a_component_has_none_of_its_secrets() -> None:
    """Wherever it was raised: outcome, log and what is said while it runs."""
    system = System(PIN)
    system.configure(b_two={"pin": SECRET})
    system.terraform.failure_texts["b/two"] = f"cannot log in as {ENCODED}"
    system.terraform.failures["b/two"] = "apply"
    result = system.deploy()
    told = [to_builtins(result), [to_builtins(e) for e in _events(system)], system.said]
    assert "cannot log in" in str(told)
    assert not Masker([SECRET]).contains(told)


def test_configs_and_changes_are_shown_without_secrets() -> None:
    """By key and by schema: the config, a change's edits, its request in every form, and its reason."""
    system = ChangeSystem(PIN)
    system.configure(b_two={"pin": SECRET, "db_password": "short", "size": 1})
    build_graph(system.workspace)
    assert show(system.workspace, "b/two").config == {"pin": MASK, "db_password": MASK, "size": 1}
    new = "Walrus+42/pin?"
    for asked in (
        {"proposed_change": {"pin": new}},
        {"proposed_change": [{"op": "replace", "path": "/pin", "value": new}]},
        {"replace": {"pin": new, "size": 2}},
    ):
        change = system.request("b/two", reason=f"because of {new}", **asked)
        shown = reading.show(system.workspace, change.id)
        listed = reading.differences_of(system.workspace, change)
        everything = [shown, [to_builtins(d) for _, d in listed], [to_builtins(e) for e in _events(system)]]
        assert not Masker([new, SECRET]).contains(everything)
        assert change.edits[0].after is not None
        assert change.edits[0].after["pin"] == new


def test_a_mask_is_no_value() -> None:
    """Who writes back what was shown would lose the secret: it is refused, with its place."""
    system = ChangeSystem(PIN)
    system.configure(b_two={"pin": SECRET, "size": 1})
    build_graph(system.workspace)
    change = system.request("b/two", replace={"pin": MASK, "size": 2})
    assert [(f.code, f.pointer) for f in change.findings if f.code == "masked-value"] == [
        ("masked-value", "/pin")
    ]
    assert str(change.status) == "rejected"


def test_a_fault_of_a_secret_does_not_quote_it() -> None:
    """The schema's message names the place; the value, and what holds it, are masked."""
    definition = {
        "b": {"schema": {"properties": {"pin": {"type": "integer", "writeOnly": True}}, "maxProperties": 1}}
    }
    system = System(definition)
    system.configure(b_two={"pin": SECRET, "size": 1})
    built = build_graph(system.workspace)
    messages = [f.message for f in built.findings if f.code == "schema"]
    assert len(messages) == 2
    assert not Masker([SECRET]).contains(messages)


def test_old_secrets_are_masked_beside_the_new_ones() -> None:
    """A plan that replaces a secret, of a config or of a producer, shows neither; rotated how often ever."""
    system = System(PIN)
    _secret_producer(system, "Okapi-first-1")
    system.configure(b_two={"a_nickname": "one", "pin": "Okapi-first-2", "size": 1})
    system.deploy()
    for number in range(4):
        _publish(system, f"Okapi-later-{number}")
    system.configure(b_two={"a_nickname": "one", "pin": SECRET, "size": 2})
    planned = plan(system.workspace, ALL)
    shown = [one for one in planned.components if one.address == "b/two"]
    assert shown[0].action == "update"
    old = ["Okapi-first-1", "Okapi-first-2", "Okapi-later-3", SECRET]
    assert str(to_builtins(shown)).count(MASK) >= 4
    assert not Masker(old).contains(to_builtins(shown))
    record = system.state.applied("b/two")
    assert record is not None
    destroyed = destroy_job(system.workspace, record)
    assert {"Okapi-first-1", "Okapi-first-2"} <= set(destroyed.secrets)


def test_nothing_is_read_of_secrets_that_have_not_changed() -> None:
    """Earlier versions are read where the component was applied with another value, and no others."""
    system = System()
    _secret_producer(system)
    system.configure(b_two={"a_nickname": "one"})
    system.deploy()
    _publish(system, SECRET)
    system.modules.edit("b", "another version")
    read: list[int] = []
    get = system.parameters.get

    def noting(name: str, **options: Any) -> Any:
        read.extend([options["version"]] if options.get("version") else [])
        return get(name, **options)

    system.parameters.get = noting  # type: ignore[method-assign]
    assert plan(system.workspace, ALL).components[-1].action == "no-op"
    assert read == []
    _publish(system, "Okapi-other")
    plan(system.workspace, ALL)
    assert len(read) == 1
