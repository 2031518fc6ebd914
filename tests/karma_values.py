"""Values of expressions by Karma's evaluation, in the form of `tests.terraform_values`."""

from __future__ import annotations

from collections.abc import Sequence

from karma_core.inference.encoding_functions import jsonencode
from karma_core.inference.evaluate import compile_facts
from karma_core.inference.module_scope import root_frame
from karma_core.inference.read import read_module
from karma_core.inference.reading import Inputs, Reading
from karma_core.inference.values import failed, known
from tests.terraform_values import FAILS


def values_of(expressions: Sequence[str]) -> list[str | None]:
    """The expressions' values as JSON texts, `FAILS`, or None where Karma says that it does not know."""
    module = "locals {\n" + "".join(f"  e{n} = {text}\n" for n, text in enumerate(expressions)) + "}\n"
    program = compile_facts(read_module("app", {"app/main.tf": module.encode()}))
    frame = root_frame(program, Reading(Inputs(address="app/web", prefix="/iac", variables={})))
    made: list[str | None] = []
    for number in range(len(expressions)):
        value = frame.local(f"e{number}")
        made.append(FAILS if failed(value) else jsonencode(value) if known(value) else None)
    return made
