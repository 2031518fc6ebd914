"""Every finding of validation: its code, severity, place and advice; and what errors stop."""

from __future__ import annotations

from typing import Any

import pytest

from karma_core.errors import BadInput
from karma_core.graph.graph import Graph
from karma_core.graph.types import read_definitions
from karma_core.graph.validate import blocked
from karma_core.model import Finding, Severity
from karma_core.records import Tier
from tests.unit.graph.environments import applied, findings, graph_data, parameter, parameters

OLD, NEW = "2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z"


def brief(reported: tuple[Finding, ...]) -> list[tuple[str, str, str, str]]:
    """(code, severity, component, pointer) of each."""
    return [(one.code, str(one.severity), one.component, one.pointer) for one in reported]


def test_a_sound_environment_has_no_findings() -> None:
    """Nothing is said where nothing is wrong."""
    configs = {"vpc/core": {}, "app/web": {"vpc_nickname": "core"}}
    assert findings(parameters(configs), known_types={"vpc", "app"}) == ()


class TestCycles:
    def test_every_cycle_is_named_with_its_fields(self) -> None:
        """Two cycles are two errors; each says which fields form it."""
        configs = {
            "a/1": {"b_nickname": "1"},
            "b/1": {"a_nickname": "1"},
            "c/1": {"depends_on": ["d/1"]},
            "d/1": {"e": "/iac/e/1/runtime"},
            "e/1": {"c_nickname": "1"},
        }
        reported = findings(parameters(configs))
        assert brief(reported) == [
            ("cycle", "error", "a/1", "/b_nickname"),
            ("cycle", "error", "c/1", "/depends_on/0"),
        ]
        assert "a/1 (/b_nickname) → b/1 (/a_nickname) → a/1" in reported[0].message
        assert "c/1 (/depends_on/0) → d/1 (/e) → e/1 (/c_nickname) → c/1" in reported[1].message

    def test_a_long_cycle_is_cut_short_in_the_message(self) -> None:
        """A message stays readable; it says how long the cycle is."""
        configs = {f"t/{n:04}": {"t_nickname": f"{(n + 1) % 2000:04}"} for n in range(2000)}
        (finding,) = findings(parameters(configs))
        assert "a cycle of 2,000" in finding.message
        assert "1,988 more" in finding.message
        assert len(finding.message) < 1000

    def test_a_self_reference_is_its_own_code(self) -> None:
        """A component that names itself is no cycle of the stored graph."""
        assert brief(findings(parameters({"a/1": {"a_nickname": "1"}}))) == [
            ("self-reference", "error", "a/1", "/a_nickname")
        ]

    def test_more_cycles_than_are_listed_are_said(self) -> None:
        """A knot with hundreds of cycles ends in a finding that says so."""
        names = [str(n) for n in range(30)]
        configs = {f"t/{n}": {"t_nicknames": [other for other in names if other != n]} for n in names}
        reported = findings(parameters(configs))
        assert len(reported) == 101
        assert any("more cycles than the 100 listed" in one.message for one in reported)


class TestSchema:
    SCHEMA = {
        "type": "object",
        "required": ["cidr"],
        "properties": {"cidr": {"type": "string"}, "a/b": {"items": {"type": "integer"}}},
        "unevaluatedProperties": False,
    }

    def test_every_fault_is_reported_at_its_place(self) -> None:
        """All faults of a config come at once, with JSON pointers."""
        reported = findings(
            parameters({"vpc/core": {"cidr": 7, "a/b": [1, "x"]}, "vpc/ok": {"cidr": "10.0.0.0/16"}}),
            types={"vpc": {"schema": self.SCHEMA}},
        )
        assert brief(reported) == [
            ("schema", "error", "vpc/core", "/a~1b/1"),
            ("schema", "error", "vpc/core", "/cidr"),
        ]

    @pytest.mark.parametrize(
        "schema",
        [{"type": "no-such-type"}, {"$ref": "https://127.0.0.1:1/schema.json"}, {"pattern": "("}],
    )
    def test_a_broken_schema_is_a_finding_on_its_type(self, schema: dict[str, Any]) -> None:
        """A schema that cannot be used is the type's fault, is said once, and is never fetched."""
        reported = findings(parameters({"vpc/a": {}, "vpc/b": {}}), types={"vpc": {"schema": schema}})
        assert brief(reported) == [("schema", "error", "type:vpc", "")]

    def test_long_values_are_cut_in_the_message(self) -> None:
        """A message quotes a value, not a novel."""
        (finding,) = findings(
            parameters({"vpc/a": {"cidr": ["x" * 4000]}}), types={"vpc": {"schema": self.SCHEMA}}
        )
        assert len(finding.message) < 500


class TestBinding:
    @pytest.mark.parametrize(
        "body", [{"environment": "dev"}, {"name": "dev"}, {"environment": "dev", "name": "x"}]
    )
    def test_the_right_environment_passes(self, body: dict[str, str]) -> None:
        """Either key may name it; `environment` goes first."""
        assert findings([parameter("environment", body)]) == ()

    @pytest.mark.parametrize("body", [{"name": "prod"}, {}, "prod", {"name": 7}, None])
    def test_another_or_no_environment_is_an_error(self, body: object) -> None:
        """Where nobody can tell to which environment an account belongs, nothing runs."""
        reported = findings([parameter("environment", body), *parameters({"a/1": {}})])
        assert brief(reported) == [("environment-mismatch", "error", "environment:dev", "")]
        assert blocked(reported, Graph(graph_data([("a/1", "a/2")]))) == {"a/1", "a/2"}


class TestSizes:
    @pytest.mark.parametrize(
        ("size", "tier", "wrong"),
        [
            (4096, Tier.STANDARD, False),
            (4097, Tier.STANDARD, True),
            (8192, Tier.ADVANCED, False),
            (8193, Tier.ADVANCED, True),
        ],
    )
    def test_a_value_beyond_its_tier_is_an_error(self, size: int, tier: Tier, wrong: bool) -> None:
        """Sizes are counted in bytes, as SSM counts them."""
        text = '{"a":"' + "é" * ((size - 8) // 2) + "x" * (size % 2) + '"}'
        assert len(text.encode()) == size
        reported = findings([parameter("a/1/config", text, tier=tier)])
        assert brief(reported) == ([("too-large", "error", "a/1", "")] if wrong else [])


class TestAges:
    @pytest.mark.parametrize(
        ("config_at", "runtime_at", "older"),
        [(NEW, OLD, True), (OLD, NEW, False), (OLD, OLD, False), ("", OLD, False), ("soon", OLD, False)],
    )
    def test_without_a_record_the_times_decide(self, config_at: str, runtime_at: str, older: bool) -> None:
        """A config published after the runtime was written has not been deployed."""
        stored = [
            parameter("a/1/config", {}, modified_at=config_at),
            parameter("a/1/runtime", {}, modified_at=runtime_at),
        ]
        expected = [("runtime-older-than-config", "warning", "a/1", "")] if older else []
        assert brief(findings(stored)) == expected

    @pytest.mark.parametrize(
        ("config", "version", "older"), [({"x": 1}, 2, True), ({}, 2, False), ({"x": 1}, 1, False)]
    )
    def test_with_a_record_the_versions_decide(
        self, config: dict[str, Any], version: int, older: bool
    ) -> None:
        """What was applied is known exactly; a newer version with the same content is no reason to warn."""
        stored = [
            parameter("a/1/config", config, version=version, modified_at=OLD),
            parameter("a/1/runtime", {}, modified_at=NEW),
        ]
        result = findings(stored, records=[applied("a/1", {}, version=1)])
        assert brief(result) == ([("runtime-older-than-config", "warning", "a/1", "")] if older else [])


class TestConsumedKeys:
    TYPES = {"app": {"consumes": {"vpc": ["vpc_id", "cidr"]}}}

    @pytest.mark.parametrize(
        ("configured", "records", "severity"),
        [
            (True, [], "warning"),
            (True, [applied("vpc/core", {})], "error"),
            (False, [], "error"),
        ],
    )
    def test_a_key_that_the_runtime_lacks(self, configured: bool, records: list[Any], severity: str) -> None:
        """It is an error unless a deploy of the producer is due that may add it."""
        configs: dict[str, object] = {"app/web": {"vpc_nickname": "core"}}
        configs |= {"vpc/core": {}} if configured else {}
        stored = parameters(configs, {"vpc/core": {"cidr": "10.0.0.0/16"}})
        result = findings(stored, types=self.TYPES, records=records)
        assert brief(result) == [("consumed-key-missing", severity, "app/web", "/vpc_nickname")]
        assert "vpc_id of vpc/core" in result[0].message

    def test_nothing_is_missing_before_there_is_a_runtime(self) -> None:
        """What was never deployed cannot lack a key."""
        configs = {"app/web": {"vpc_nickname": "core"}, "vpc/core": {}}
        assert findings(parameters(configs), types=self.TYPES) == ()


class TestTypes:
    def test_a_type_without_a_module_is_a_warning(self) -> None:
        """It cannot be planned, but its graph is right."""
        stored = parameters({"vpc/core": {}, "app/web": {}}, {"lambda/ext": {}})
        result = findings(stored, known_types={"vpc"})
        assert ("unknown-type", "warning", "app/web", "") in brief(result)
        assert [one.component for one in result if one.code == "unknown-type"] == ["app/web"]

    def test_where_modules_cannot_be_seen_none_is_missed(self) -> None:
        """A process without modules judges the rest."""
        assert findings(parameters({"vpc/core": {}}), known_types=None) == ()

    def test_a_bad_component_yaml_is_a_finding_on_its_type(self) -> None:
        """A file that does not parse and one that says nonsense are refused; sound ones are read."""

        def body_of(component_type: str) -> dict[str, Any] | None:
            if component_type == "torn":
                raise BadInput(
                    "component.yaml of torn is no mapping", why="it is a list", next_step="mend it"
                )
            return {"sound": {"consumes": {"vpc": ["id"]}}, "wrong": {"colour": "red"}}.get(component_type)

        read, wrong = read_definitions(["torn", "wrong", "sound", "bare"], body_of)
        assert list(read) == ["sound"]
        assert [(one.code, one.component) for one in wrong] == [
            ("component-type", "type:torn"),
            ("component-type", "type:wrong"),
        ]


class TestBlocked:
    GRAPH = Graph(graph_data([("app/a", "vpc/a"), ("site/a", "app/a"), ("app/b", "vpc/b")], ["db/a"]))

    def error(self, component: str, severity: Severity = Severity.ERROR) -> Finding:
        """A finding on something."""
        return Finding(code="x", severity=severity, component=component, pointer="", message="")

    @pytest.mark.parametrize(
        ("component", "stopped"),
        [
            ("app/a", {"app/a", "site/a"}),
            ("vpc/a", {"vpc/a", "app/a", "site/a"}),
            ("type:app", {"app/a", "site/a", "app/b"}),
            ("Bad_Type/x", set()),
        ],
    )
    def test_an_error_stops_its_component_and_its_cone(self, component: str, stopped: set[str]) -> None:
        """Others go on."""
        assert blocked([self.error(component)], self.GRAPH) == stopped

    def test_a_warning_stops_nothing(self) -> None:
        """Only errors stop."""
        assert blocked([self.error("vpc/a", Severity.WARNING)], self.GRAPH) == set()


def test_findings_are_sorted_and_none_is_doubled() -> None:
    """Errors come first, then warnings, each by component."""
    configs = {"b/1": {"c_nickname": "9"}, "a/1": {"c_nickname": "9"}}
    result = findings(parameters(configs, {"z/1": {}}))
    assert brief(result) == [
        ("missing-component", "error", "a/1", "/c_nickname"),
        ("missing-component", "error", "b/1", "/c_nickname"),
        ("orphan-runtime", "warning", "z/1", ""),
    ]


def test_every_message_says_what_to_do() -> None:
    """A finding ends in advice: a sentence of at least a few words after the fact."""
    reported = [
        parameter("environment", {"name": "prod"}),
        parameter("Bad/x/config", {}),
        parameter("a/1/config", {"a_nickname": "1", "b_nickname": "9", "depends_on": "x"}),
        parameter("c/1/config", "["),
        parameter("d/1/config", "[]"),
    ]
    for finding in findings(reported, known_types=set()):
        assert len(finding.message.split()) > 6, finding
        assert finding.message.isprintable(), finding
