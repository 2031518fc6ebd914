"""Plans as Terraform prints them."""

from __future__ import annotations

from typing import Any

import pytest

from karma_adapters.terraform import plan_json
from karma_core.records import TerraformPlan


def _read(
    *kinds: list[str], outputs: dict[str, Any] | None = None, destroy: bool = False, text: str = ""
) -> TerraformPlan:
    changes = [
        {
            "address": f"x.r{n}",
            "mode": "managed",
            "type": "x",
            "change": {
                "actions": kind,
                "before": None if kind == ["create"] else {"v": 1},
                "after": {"v": 2},
                "after_unknown": {},
            },
        }
        for n, kind in enumerate(kinds)
    ]
    document = {"resource_changes": changes, "output_changes": outputs or {}}
    changed = any(kind not in (["no-op"], ["read"]) for kind in kinds) or bool(outputs)
    return plan_json.read(document, address="x/y", destroy=destroy, changes=changed, text=text, saved="x/y/z")


@pytest.mark.parametrize(
    ("kinds", "action", "counts"),
    [
        ([["create"], ["create"]], "create", (2, 0, 0)),
        ([["create"], ["no-op"]], "update", (1, 0, 0)),
        ([["update"]], "update", (0, 1, 0)),
        ([["delete"], ["no-op"]], "update", (0, 0, 1)),
        ([["delete", "create"], ["update"]], "replace", (1, 1, 1)),
        ([["create", "delete"]], "replace", (1, 0, 1)),
        ([["no-op"]], "no-op", (0, 0, 0)),
        ([["read"]], "no-op", (0, 0, 0)),
    ],
)
def test_action_and_counts(kinds: list[list[str]], action: str, counts: tuple[int, int, int]) -> None:
    """The component is created only if nothing was there; a resource less is an update of what stays."""
    plan = _read(*kinds)
    assert (plan.action, (plan.add, plan.change, plan.destroy)) == (action, counts)
    assert plan.saved == ("" if action == "no-op" else "x/y/z")


def test_destroy_is_said_by_the_job() -> None:
    """The same deletions mean the component's end where that was asked for."""
    assert _read(["delete"], destroy=True).action == "destroy"


def _output(before: Any, after: Any, unknown: Any = False, sensitive: Any = False) -> dict[str, Any]:
    return {
        "actions": [],
        "before": before,
        "after": after,
        "after_unknown": unknown,
        "after_sensitive": sensitive,
    }


def test_outputs_are_known_unknown_or_gone() -> None:
    """What is known of a partly unknown one stays; null is null; sensitive ones are in the clear."""
    outputs = {
        "same": _output(1, 1),
        "new": _output(None, {"a": 1}),
        "partly": _output(None, {"a": 1}, {"b": True}),
        "wholly": _output(1, None, True),
        "gone": {**_output(1, None), "actions": ["delete"]},
        "null": _output(None, None),
        "emptied": _output(1, None),
        "runtime": _output(None, None),
        "secret": _output(None, "s3cr3t", False, True),
    }
    planned = _read(["create"], outputs=outputs).outputs
    assert planned.known == {
        "new": {"a": 1}, "partly": {"a": 1}, "same": 1, "secret": "s3cr3t", "null": None, "emptied": None,
    }  # fmt: skip
    assert planned.unknown == {"partly": {"b": True}, "wholly": True}
    assert planned.sensitive == ("secret",)


def test_only_outputs_change() -> None:
    """A module of outputs alone is created, and later updated."""
    assert _read(outputs={"a": _output(None, 1)}).action == "create"
    assert _read(outputs={"a": _output(1, 2)}).action == "update"


def test_text_has_no_private_path_no_secret_and_an_end() -> None:
    """What stands below the rule is cut, sensitive values are taken out, and the size is bounded."""
    outputs = {"secret": _output(None, "s3cr3t", False, True)}
    plan = _read(
        ["create"], outputs=outputs, text="Plan: s3cr3t\n\n────────\n\nSaved the plan to: /private\n"
    )
    assert plan.text == "Plan: (sensitive)\n"
    assert len(_read(["create"], text="x" * 300_000).text) < plan_json.TEXT_LIMIT + 100


def test_parameters_that_a_module_writes_are_told_where_they_are_known() -> None:
    """A JSON object under a known name; text that is none, and a value that is unknown, are not told."""

    def change(address: str, after: object, mode: str = "managed") -> dict[str, object]:
        return {
            "address": address,
            "type": "aws_ssm_parameter",
            "mode": mode,
            "change": {"actions": ["create"], "before": None, "after": after, "after_unknown": {}},
        }

    known = [
        change("aws_ssm_parameter.a", {"name": "/iac/a/b/runtime", "value": '{"id": "x"}'}),
        change("aws_ssm_parameter.b", {"name": "/iac/a/c/runtime", "insecure_value": '{"n": 1}'}),
        change("aws_ssm_parameter.c", {"name": "/plain", "value": "text"}),
        change("data.aws_ssm_parameter.d", {"name": "/iac/d/d/runtime", "value": "{}"}, mode="data"),
        change("aws_ssm_parameter.gone", None),
    ]
    document = {"resource_changes": known}
    plan = plan_json.read(document, address="a/b", destroy=False, changes=True, text="", saved="s")
    assert {name: one.known for name, one in plan.written.items()} == {
        "/iac/a/b/runtime": {"id": "x"},
        "/iac/a/c/runtime": {"n": 1},
    }
    assert not plan_json.writes_unknown(document)
    unknown = change("aws_ssm_parameter.e", {"name": "/iac/a/e/runtime"})
    assert plan_json.writes_unknown({"resource_changes": [*known, unknown]})


def _parameter(name: str, value: str | None, kind: str = "String") -> dict[str, Any]:
    after = {"name": name, "value": value, "type": kind}
    change = {"actions": ["create"], "before": None, "after": after, "after_unknown": {}}
    return {"address": f"p.{name}", "mode": "managed", "type": "aws_ssm_parameter", "change": change}


def test_what_a_module_would_write_is_told_or_why_it_cannot_be_read() -> None:
    """Of a secret no more than that: the reason may quote it."""
    wide = '{"n": 18446744073709551616e5000}'
    changes = [
        _parameter("/good", '{"a": 1}'),
        _parameter("/twice", '{"a": 1, "a": 2}'),
        _parameter("/wide", wide),
        _parameter("/secret", wide, "SecureString"),
        _parameter("/later", None),
    ]
    document = {"resource_changes": changes, "output_changes": {}}
    plan = plan_json.read(document, address="x/y", destroy=False, changes=True, text="", saved="")
    assert {name: planned.known for name, planned in plan.written.items()} == {"/good": {"a": 1}}
    assert plan.unreadable.keys() == {"/twice", "/wide", "/secret"}
    assert "stands twice" in plan.unreadable["/twice"]
    assert "4,000 digits" in plan.unreadable["/wide"]
    assert "18446744073709551616" not in plan.unreadable["/secret"]
