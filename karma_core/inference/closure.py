"""The compiled form of an expression: a function of its module's scope and the names bound around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Final, Protocol, TypeAlias

from karma_core.inference.expressions import Expression
from karma_core.inference.reading import Reading
from karma_core.inference.shapes import plain
from karma_core.inference.values import Value

Names = Mapping[str, Value]
"""`each`, `count`, the iterators of dynamic blocks, the names of `for` expressions."""


class Scope(Protocol):
    """The module that an expression stands in, as far as the expression can see it."""

    @property
    def reading(self) -> Reading:
        """The reads and writes recorded so far in the evaluation of the component."""
        ...

    @property
    def directory(self) -> str:
        """`path.module`: relative to where Terraform runs, which is the type's own directory."""
        ...

    def file(self, path: str) -> str | None:
        """The text of a file, by its path where Terraform runs; None where it is not kept."""
        ...

    def variable(self, name: str) -> Value:
        """`var.name`."""
        ...

    def local(self, name: str) -> Value:
        """`local.name`."""
        ...

    def parameter(self, name: str) -> Value:
        """`data.aws_ssm_parameter.name`."""
        ...

    def state(self, name: str) -> Value:
        """`data.terraform_remote_state.name`."""
        ...

    def child(self, name: str) -> Value:
        """`module.name`."""
        ...


Evaluate: TypeAlias = Callable[[Scope, Names], Value]
"""Returns a value and never raises, but for RecursionError."""
Observe: TypeAlias = Callable[[Expression, Evaluate], Evaluate]
OBSERVER: Final[ContextVar[Observe | None]] = ContextVar("observer", default=None)
"""What wraps every closure that is compiled now (`trace`); nothing does where only results count."""


def given_up(frame: Scope, made: Value, unknown: Value) -> Value:
    """Mark values that cannot be followed further as used, and return an unknown value."""
    frame.reading.used(made)
    return plain(unknown)
