"""A repository of configs, read as the parameter store would hold it."""

from __future__ import annotations

from pathlib import Path

from karma_core import documents
from karma_core.component_types import TypeDefinition
from karma_core.graph.build import Built, build
from karma_core.graph.load import load
from karma_core.graph.validate import validate
from karma_core.model import Finding, Severity
from karma_core.records import Parameter

REPOSITORY = Path(__file__).parents[3] / "tests/data/site-repository"
RULES = {
    "serverless-site": documents.read(
        TypeDefinition,
        {"match": [{"field": "route53_zone_name", "type": "route53-zone", "equals": "zone_name"}]},
    )
}


def read(environment: str, *, replace: tuple[str, str] = ("", "")) -> tuple[Built, tuple[Finding, ...]]:
    """The build and all findings of one environment; `replace` changes the zones' configs."""
    base = REPOSITORY / "iac" / environment
    parameters = []
    for path in sorted(base.glob("*/*/config.json")):
        text = path.read_text()
        name = f"/iac/{path.parent.relative_to(base)}/config"
        changed = text.replace(*replace) if "/route53-zone/" in name and replace[0] else text
        parameters.append(Parameter(name=name, value=changed, version=1))
    binding = (REPOSITORY / "account_environments" / f"{environment}.json").read_text()
    parameters.append(Parameter(name="/iac/environment", value=binding, version=1))
    inventory = load(parameters, environment=environment, prefix="/iac", applied={})
    result = build(inventory, RULES)
    return result, validate(inventory, result, RULES)


def edges(result: Built) -> list[tuple[str, str, tuple[str, ...]]]:
    """(source, target, via) of every edge."""
    return [(edge.source, edge.target, edge.via) for edge in result.graph.edges]


def test_prod_has_three_components_and_two_edges() -> None:
    """Both sites name their zone by its name, trailing dot included."""
    result, findings = read("prod")
    assert len(result.graph.nodes) == 3
    assert edges(result) == [
        ("serverless-site/docs-example-net", "route53-zone/example-net", ("match",)),
        ("serverless-site/example-net", "route53-zone/example-net", ("match",)),
    ]
    assert findings == ()


def test_a_trailing_dot_on_one_side_changes_nothing() -> None:
    """`example.net` and `example.net.` are one zone."""
    assert edges(read("prod", replace=("example.net.", "example.net"))[0]) == edges(read("prod")[0])


def test_dev_names_a_zone_that_lives_elsewhere() -> None:
    """One component, no edge, and a warning at the field that names the zone."""
    result, (finding,) = read("dev")
    assert len(result.graph.nodes) == 1
    assert result.graph.edges == ()
    assert (finding.code, finding.severity) == ("unmatched-reference", Severity.WARNING)
    assert (finding.component, finding.pointer) == ("serverless-site/example-net", "/route53_zone_name")
