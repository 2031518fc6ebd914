"""Evaluates a module's facts for one component: what it reads, writes, looks up and creates."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from karma_core.inference.closure import Names
from karma_core.inference.facts import BY_PATH, ModuleFacts
from karma_core.inference.module_scope import Frame, child_frames, root_frame
from karma_core.inference.program import CompiledBlock, Program
from karma_core.inference.reading import Inputs, Reading, Unresolved
from karma_core.inference.values import OF_RUNTIME, Unknown, Value
from karma_core.inference.writing import visit_writes

TOO_DEEP = "its expressions are nested too deeply"


def compile_facts(facts: ModuleFacts) -> Program:
    """The facts, ready for every component of the type."""
    return Program(facts.body, facts.texts, facts.unseen)


def read_component(program: Program, inputs: Inputs, reading: Reading | None = None) -> Reading:
    """Everything that the component's module reads and writes of other components. Never raises.

    `reading` is where it is noted; a new one where none is given.
    """
    reading = reading or Reading(inputs)
    try:
        frame = root_frame(program, reading)
        visit_writes(frame)
        _visit(frame, outermost=True)
    except RecursionError:
        reading.unresolved.append(Unresolved("", reading.place, TOO_DEEP))
        if program.may_write:
            reading.write_unresolved("", reading.place, TOO_DEEP)
    return reading


def _visit(frame: Frame, *, outermost: bool) -> None:
    """Evaluate everything that Terraform would and that may use a runtime."""
    program, reading = frame.program, frame.reading
    for name in program.reads:
        frame.parameter(name)
    for name in program.states:
        frame.state(name)
    for name in program.body.readers:
        frame.local(name)
    for block in program.blocks:
        _use(frame, block)
    for name in program.body.exports:
        value = frame.output(name)
        if outermost:
            reading.place = program.body.outputs[name].place
            reading.used(value)
    for name, called in program.children.items():
        if called.used or (called.program is not None and called.program.may_read_config):
            _visit_children(frame, name, called.call)


def _use(frame: Frame, block: CompiledBlock, names: dict[str, object] | None = None) -> None:
    for bound in frame.instances(block, names or {}):
        for site in block.sites:
            frame.reading.place = site.place
            frame.reading.used(site.evaluate(frame, bound))
        for inner in block.blocks:
            _use(frame, inner, dict(bound))


def _visit_children(frame: Frame, name: str, call: CompiledBlock) -> None:
    child = frame.child(name)
    for instance in child_frames(child):
        _visit(instance, outermost=False)
    if isinstance(child, Unknown):  # its files are not known: whatever it is given is used
        for bound in frame.instances(call):
            for site in call.arguments.values():
                frame.reading.used(frame.at(site, bound))


class Identity(NamedTuple):
    """The identity of a resource: its type, the identifying argument with its value, and its place.

    `lost` is why the value does not follow from module and config, where nothing else tells what is meant;
    empty where it does. Then `value` is empty.

    Of parameters by path `value` is the path, empty where it is not known, and `recursive` says whether those
    below further levels are meant, too.
    """

    resource: str
    argument: str
    value: str
    place: str
    lost: str = ""
    recursive: bool = False


def identities(program: Program, inputs: Inputs, what: Literal["lookups", "creates"]) -> list[Identity]:
    """Return what the module looks up or creates, if the identifying values are known. Never raises."""
    reading = Reading(inputs)
    try:
        return list(each_identity(root_frame(program, reading), what))
    except RecursionError:
        return []


def each_identity(frame: Frame, what: Literal["lookups", "creates"]) -> Iterator[Identity]:
    """Evaluate the identities one by one, in the module of a scope and in its child modules."""
    program = frame.program
    for block in program.lookups if what == "lookups" else program.creates:
        by_path = block.labels[0] == BY_PATH
        for names in frame.instances(block):
            if by_path:
                yield _by_path(frame, block, names)
                continue
            for argument, site in block.arguments.items():
                value = frame.at(site, names)
                if isinstance(value, str) and value:
                    yield Identity(block.labels[0], argument, value, site.place)
                elif _is_lost(value) and block in program.named_alone:
                    yield Identity(block.labels[0], argument, "", site.place, value.why)
    for name in program.children:
        for instance in child_frames(frame.child(name)):
            yield from each_identity(instance, what)


def _is_lost(value: Value) -> bool:
    """Whether nothing tells a name. One that a runtime says is the producer's, which is known."""
    return isinstance(value, Unknown) and value.why != OF_RUNTIME.why


def _by_path(frame: Frame, block: CompiledBlock, names: Names) -> Identity:
    """Parameters by path; all levels where it is not known how many are meant."""
    path = frame.at(block.arguments["path"], names)
    said = block.arguments.get("recursive")
    recursive = frame.at(said, names) if said is not None else None
    value = path if isinstance(path, str) else ""
    place = block.arguments["path"].place
    return Identity(BY_PATH, "path", value, place, recursive=recursive not in (None, False, "false"))
