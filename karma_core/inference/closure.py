"""What an expression is compiled to: a function of the module it stands in and the names bound around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from karma_core.inference.values import Value

if TYPE_CHECKING:
    from karma_core.inference.frame import Frame

Names = Mapping[str, Value]
"""`each`, `count`, the iterators of dynamic blocks, the names of `for` expressions."""
Evaluate: TypeAlias = "Callable[[Frame, Names], Value]"
"""Returns a value and never raises, but for RecursionError."""


def given_up(frame: Frame, made: Value, unknown: Value) -> Value:
    """What was made cannot be followed further: it counts as used, and the value is not known."""
    frame.reading.used(made)
    return unknown
