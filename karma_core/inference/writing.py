"""Which runtimes a module writes itself: the names of its parameters, evaluated for one component."""

from __future__ import annotations

from collections.abc import Iterator

from karma_core import ids
from karma_core.inference.loops import pairs_of
from karma_core.inference.module_scope import Frame, child_frames
from karma_core.inference.operations import whole_number
from karma_core.inference.program import Called, CompiledBlock, Program
from karma_core.inference.shapes import PartialText, may_be_runtime
from karma_core.inference.values import Value

TOO_MANY = "it takes too many iterations"


def visit_writes(frame: Frame, *, certain: bool = True) -> None:
    """Note every runtime that the module and its child modules write, or may write.

    `certain`: it is known that this instance of the module exists.
    """
    reading = frame.reading
    if not frame.program.may_write:
        return
    for block in frame.program.writes:
        site = block.arguments["name"]
        exists = certain and _is_counted(frame, block)
        for names in frame.instances(block):
            reading.written(frame.at(site, names), site.place, site.text, certain=exists)
        if reading.items_left < 0:
            reading.write_unresolved(site.text, site.place, TOO_MANY)
    for name, called in frame.program.children.items():
        if called.may_write:
            exists = certain and _is_counted(frame, called.call)
            _visit_child(frame, name, called, certain=exists)
            if reading.items_left < 0:
                reading.write_unresolved("", called.call.place, TOO_MANY)


def _visit_child(frame: Frame, name: str, called: Called, *, certain: bool) -> None:
    """A child module: its instances, or what can be said where they, or its files, are not known."""
    reading = frame.reading
    if called.too_deep:
        reading.write_unresolved("", called.call.place, "modules are nested too deeply")
    elif called.program is None:
        _visit_unread(frame, called.call)
    else:
        frames = child_frames(frame.child(name)) if certain else []
        for instance in frames or _one_for_all(frame, called.call, called.program):
            visit_writes(instance, certain=certain)


def _one_for_all(frame: Frame, call: CompiledBlock, program: Program) -> list[Frame]:
    """Frames made for the purpose, where nobody knows how many instances the child module has."""
    return [Frame(program, frame.reading, frame.arguments(call, names)) for names in frame.instances(call)]


def _is_counted(frame: Frame, block: CompiledBlock) -> bool:
    """Whether it is known how many instances a block has."""
    if block.count is not None:
        return whole_number(frame.at(block.count, {})) is not None
    return block.for_each is None or pairs_of(frame, frame.at(block.for_each, {})) is not None


def _visit_unread(frame: Frame, call: CompiledBlock) -> None:
    """A child module whose files are not known may write the runtime whose name it is given.

    So may one that is given a name of which only the end is known, and that end is a runtime's. The whole
    name of another component's runtime is mostly given to be read.
    """
    inputs = frame.reading.inputs
    own = ids.runtime_parameter(inputs.prefix, inputs.address)
    for names in frame.instances(call):
        for site in call.arguments.values():
            if any(_names_runtime(text, own, inputs.prefix) for text in _texts(frame.at(site, names))):
                why = "it is given to a child module whose files are not read"
                frame.reading.write_unresolved(site.text, site.place, why)


def _names_runtime(text: str | PartialText, own: str, prefix: str) -> bool:
    if isinstance(text, str):
        return text == own
    return text.shape.tail.endswith(f"/{ids.RUNTIME}") and may_be_runtime(text.shape, prefix)


def _texts(value: Value) -> Iterator[str | PartialText]:
    """Every text in a value, names of an object's attributes too. O(size)."""
    waiting = [value]
    while waiting:
        current = waiting.pop()
        if isinstance(current, (str, PartialText)):
            yield current
        elif isinstance(current, dict):
            waiting += [*current, *current.values()]
        elif isinstance(current, list):
            waiting += current
