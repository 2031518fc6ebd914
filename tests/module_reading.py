"""What Karma reads of a module that is written in a test: one component of it, evaluated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from karma_core.configuration import Engine
from karma_core.inference.evaluate import compile_facts, read_component
from karma_core.inference.facts import decode, encode
from karma_core.inference.read import read_module
from karma_core.inference.reading import Inputs, Reading


def read(
    files: Mapping[str, str],
    config: Any = None,
    *,
    engine: Engine = Engine.TERRAFORM,
    producers: tuple[str, ...] = (),
) -> Reading:
    """The reading of app/web, whose module has these files (below `app/`, or with a folder of their own)."""
    paths = {name if "/" in name else f"app/{name}": text.encode() for name, text in files.items()}
    facts = read_module("app", paths, engine)
    assert decode(encode(facts)) == facts
    variables = {
        "nickname": "web",
        "component_name": "app",
        "iac_prefix": "/iac",
        "region": "eu-west-1",
        "config": config or {},
    }
    inputs = Inputs(address="app/web", prefix="/iac", variables=variables, producers=producers)
    return read_component(compile_facts(facts), inputs)


def keys(reading: Reading) -> dict[str, list[str]]:
    """Address → the keys that are read of its runtime, sorted; `*` where the whole of it is."""
    return {
        address: ["*", *sorted(one.keys)] if one.whole else sorted(one.keys)
        for address, one in reading.reads.items()
    }
