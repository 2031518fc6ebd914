"""The scope of one module while a component is evaluated: variables, locals, data sources, child modules."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec

from karma_core.inference.closure import Evaluate, Names
from karma_core.inference.loops import pairs_of
from karma_core.inference.operations import whole_number
from karma_core.inference.program import CompiledBlock, CompiledSite, Program
from karma_core.inference.reading import MAX_NESTING, Reading
from karma_core.inference.remote_states import remote_state
from karma_core.inference.slicing import DEPENDENCIES
from karma_core.inference.values import ALL_DEPENDENCIES, COMPUTED, Failure, Unknown, Value

_NO_NAMES: Names = {}
_BUSY: Value = object()


class Frame:
    """Values of one module, each evaluated when it is first asked for."""

    __slots__ = (
        "_children",
        "_given",
        "_locals",
        "_outputs",
        "_parameters",
        "_states",
        "_variables",
        "program",
        "reading",
    )

    def __init__(self, program: Program, reading: Reading, given: Mapping[str, Callable[[], Value]]) -> None:
        self.program = program
        self.reading = reading
        self._given = given
        self._variables: dict[str, Value] = {}
        self._locals: dict[str, Value] = {}
        self._outputs: dict[str, Value] = {}
        self._parameters: dict[str, Value] = {}
        self._states: dict[str, Value] = {}
        self._children: dict[str, Value] = {}

    @property
    def directory(self) -> str:
        """`path.module`."""
        return self.program.body.directory

    def file(self, path: str) -> str | None:
        """The text of a file that the module reads."""
        return self.program.texts.get(posixpath.normpath(path))

    def give(self, values: Mapping[str, Value]) -> None:
        """Take the values that Karma passes, completed by the types of the variables."""
        self._variables = {**values, DEPENDENCIES: ALL_DEPENDENCIES}
        for name, complete in self.program.completions.items():
            if name in values:
                self._variables[name] = complete(values[name])

    def variable(self, name: str) -> Value:
        """`var.name`: what is given, its default, or unknown."""
        cached = self._variables.get(name, _BUSY)
        if cached is _BUSY:
            given = self._given.get(name)
            value = given() if given is not None else None
            if given is None or (value is None and name in self.program.not_nullable):
                value = self.program.defaults.get(name, None if given is not None else Unknown(f"var.{name}"))
            complete = self.program.completions.get(name)
            cached = complete(value) if complete is not None else value
            if not self.reading.quiet:
                self._variables[name] = cached
        return cached

    def local(self, name: str) -> Value:
        """`local.name`."""
        cached = self._locals.get(name)
        if cached is not None:
            return cached if cached is not _BUSY else Failure(f"local.{name} refers to itself")
        if name in self._locals:
            return None
        evaluate = self.program.locals.get(name)
        if evaluate is None:
            return Failure(f"there is no local.{name}")
        return self._evaluated(self._locals, name, evaluate, self.program.body.locals[name].place)

    def output(self, name: str) -> Value:
        """An output of this module, for the module that calls it."""
        cached = self._outputs.get(name, None)
        if cached is not None:
            return cached if cached is not _BUSY else Failure(f"the output {name} refers to itself")
        evaluate = self.program.outputs.get(name)
        if evaluate is None:
            return Failure(f"the module has no output {name}")
        return self._evaluated(self._outputs, name, evaluate, self.program.body.outputs[name].place)

    def _evaluated(self, memo: dict[str, Value], name: str, evaluate: Evaluate, place: str) -> Value:
        """Evaluate in the defining scope; a try() at the point of use does not catch its errors."""
        reading = self.reading
        if reading.depth >= MAX_NESTING:
            return Unknown(f"more than {MAX_NESTING} values lead to it")
        memo[name] = _BUSY
        before, guards = reading.place, reading.guards
        reading.place, reading.guards = place, 0
        reading.depth += 1
        value = memo[name] = evaluate(self, _NO_NAMES)
        if reading.quiet:  # what it reads is still to be recorded
            del memo[name]
        reading.depth -= 1
        reading.place, reading.guards = before, guards
        return value

    def parameter(self, name: str) -> Value:
        """`data.aws_ssm_parameter.name`: one object, or one an instance."""
        if name not in self._parameters:
            block = self.program.reads.get(name)
            if self.reading.quiet:
                return COMPUTED
            self._parameters[name] = COMPUTED
            if block is not None and name not in self.program.foreign:
                self._parameters[name] = self._collected(block, self._parameter)
        return self._parameters[name]

    def _parameter(self, block: CompiledBlock, names: Names) -> Value:
        site = block.arguments["name"]
        name = self.at(site, names)
        value = self.reading.parameter(name, site.place, site.text)
        return _Parameter(name=name, value=value).object()

    def state(self, name: str) -> Value:
        """`data.terraform_remote_state.name`: one object, or one an instance."""
        if name not in self._states:
            block = self.program.states.get(name)
            if self.reading.quiet:
                return COMPUTED
            self._states[name] = COMPUTED
            if block is not None:
                self._states[name] = self._collected(block, partial(remote_state, self))
        return self._states[name]

    def child(self, name: str) -> Value:
        """`module.name`: the child's frame, or one an instance; computed where its files are not known."""
        if name not in self._children:
            if self.reading.quiet:
                return COMPUTED
            called = self.program.children.get(name)
            self._children[name] = COMPUTED
            if called is not None and called.program is not None:
                program = called.program
                self._children[name] = self._collected(
                    called.call,
                    lambda block, names: Frame(program, self.reading, self.arguments(block, names)),
                )
        return self._children[name]

    def arguments(self, block: CompiledBlock, names: Names) -> dict[str, Callable[[], Value]]:
        """What an instance of a child module is given, each value evaluated when it is asked for."""
        return {
            name: (lambda site=site: self.at(site, names))  # type: ignore[misc]  # bound now, called later
            for name, site in block.arguments.items()
        }

    def at(self, site: CompiledSite, names: Names) -> Value:
        """The value of a site, with its place as the current one."""
        before, self.reading.place = self.reading.place, site.place
        value = site.evaluate(self, names)
        self.reading.place = before
        return value

    def _collected(self, block: CompiledBlock, make: Callable[[CompiledBlock, Names], Value]) -> Value:
        """Return what a reference to the block is: one value, a list by `count`, an object by `for_each`."""
        instances = self.instances(block)
        if block.count is None and block.for_each is None:
            return make(block, _NO_NAMES)
        made: Any = [(names, make(block, names)) for names in instances]
        if block.count is not None:
            return [value for _, value in made]
        keys = [names[block.iterator]["key"] for names, _ in made]
        if all(isinstance(key, str) for key in keys):
            return dict(zip(keys, (value for _, value in made), strict=True))
        return COMPUTED

    def instances(self, block: CompiledBlock, names: Names = _NO_NAMES) -> Iterator[Names]:
        """The names bound in each instance; one with unknown ones where their number is not known."""
        if block.count is not None:
            yield from self._counted(self.at(block.count, names), names)
        elif block.for_each is not None:
            yield from self._each(block.for_each, block.iterator, names)
        else:
            yield names

    def _counted(self, count: Value, names: Names) -> Iterator[Names]:
        number = whole_number(count)
        if number is None:
            self.reading.used(count)
            yield {**names, "count": {"index": COMPUTED}}
        elif self.reading.spend(number):
            yield from ({**names, "count": {"index": at}} for at in range(number))

    def _each(self, site: CompiledSite, iterator: str, names: Names) -> Iterator[Names]:
        value = self.at(site, names)
        pairs = pairs_of(self, value)
        if pairs is None:
            self.reading.used(value)
            pairs = [(COMPUTED, COMPUTED)]
        if self.reading.spend(len(pairs)):
            for key, item in pairs:
                yield {**names, iterator: {"key": key, "value": item}}


class _Parameter(msgspec.Struct, frozen=True):
    """A data source `aws_ssm_parameter` as an object."""

    name: Value
    value: Value

    def object(self) -> dict[str, Value]:
        return {
            "arn": COMPUTED,
            "id": self.name,
            "insecure_value": self.value,
            "name": self.name,
            "type": COMPUTED,
            "value": self.value,
            "version": self.value,
        }


def child_frames(child: Value) -> list[Frame]:
    """The frames in what `Frame.child` gives, one an instance of the child module."""
    instances = child if isinstance(child, list) else child.values() if isinstance(child, dict) else [child]
    return [one for one in instances if isinstance(one, Frame)]


def root_frame(program: Program, reading: Reading) -> Frame:
    """The frame of a component's own module, with the variables that Karma passes."""
    frame = Frame(program, reading, {})
    frame.give(reading.inputs.variables)
    return frame
