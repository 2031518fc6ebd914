"""`data "terraform_remote_state"`: which state an instance names, from its evaluated arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from karma_core.inference.reading import UnseenState
from karma_core.inference.values import COMPUTED, Failure, Outputs, Unknown, Value
from karma_core.state_places import BACKENDS, DEFAULT, NamedState

if TYPE_CHECKING:
    from karma_core.inference.closure import Names
    from karma_core.inference.module_scope import Frame
    from karma_core.inference.program import CompiledBlock

_MISSING: Final = "it is not said"


def remote_state(frame: Frame, block: CompiledBlock, names: Names) -> Value:
    """An instance of the data source as an object; its outputs are a component's, or not followed."""
    what = ".".join(("data", *block.labels))
    named = _named(frame, block, names)
    if isinstance(named, NamedState):
        outputs = frame.reading.state(named, what, block.place)
        _note_defaults(frame, block, names, outputs)
    else:
        outputs = COMPUTED
        unseen = UnseenState(what, block.place, why=named.why, own=isinstance(named, Failure))
        frame.reading.unseen_states.append(unseen)
    return {"backend": COMPUTED, "config": COMPUTED, "defaults": COMPUTED, "workspace": COMPUTED} | {
        "outputs": outputs
    }


def _named(frame: Frame, block: CompiledBlock, names: Names) -> NamedState | Unknown:
    """How the state is named; why that is not known."""
    backend = _argument(frame, block, names, "backend")
    if not isinstance(backend, str):
        return _why(backend)
    known = BACKENDS.get(backend)
    if known is None:
        return Unknown(f"states in the backend {backend} are not compared")
    config = _argument(frame, block, names, "config")
    if config is not None and not isinstance(config, dict):
        return _why(config)
    arguments: list[tuple[str, str]] = []
    for name in known.arguments:
        value = (config or {}).get(name)
        if isinstance(value, str):
            arguments.append((name, value))
        elif value is not None:
            return _why(value)
    workspace = _argument(frame, block, names, "workspace")
    if workspace is not None and not isinstance(workspace, str):
        return _why(workspace)
    return NamedState(backend, tuple(arguments), workspace or DEFAULT)


def _argument(frame: Frame, block: CompiledBlock, names: Names, name: str) -> Value:
    site = block.arguments.get(name)
    return frame.at(site, names) if site is not None else None


def _why(value: Value) -> Unknown:
    if isinstance(value, Unknown):
        return value
    return Unknown(_MISSING if value is None else "it is no text")


def _note_defaults(frame: Frame, block: CompiledBlock, names: Names, outputs: Value) -> None:
    """An output for which the data source has a default may be missing."""
    defaults = _argument(frame, block, names, "defaults")
    if isinstance(outputs, Outputs) and isinstance(defaults, dict):
        frame.reading.states[outputs.address].defaults.update(defaults)
