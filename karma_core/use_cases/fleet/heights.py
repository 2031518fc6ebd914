"""What the stores know of each other: which one it is, and how far it had come when both were last written.

A store that is replaced by an older copy, by another environment's, or by an empty one looks sound by itself.
So the parameters hold how far the state store was, and the state store how far the parameters were. Each has
an identity, made once at random, and a number that only rises with what is noted here: the state store the
revision of its document, the parameters the version of theirs. What is behind is said, and nothing is applied
until a person says which store is right. The graph is derived from both and built anew where it is behind;
the log's own chain tells whether it is whole (`karma_log.log`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Final

import msgspec

from karma_core import ids, strictjson
from karma_core.decoding import convert
from karma_core.errors import BadInput, KarmaError, Refused
from karma_core.model import Finding, Record, Severity, about_environment, to_builtins
from karma_core.needs import Context, PolicySource
from karma_core.records import ParameterKind, ParameterWrite

KIND: Final = "heights"
DOCUMENT: Final = "stores"
"""Kind and id of the state store's document."""
IDENTITY: Final = "identity"
"""The state store's secret whose digest is its identity."""
OLDER: Final = "store-older"
"""Code of the finding, and of the refusal."""
PREFIX_CHANGED: Final = "prefix-changed"
"""Code of the refusal."""


class Height(Record, frozen=True, kw_only=True):
    """Which store it is, and how far it had come."""

    identity: str
    height: int


class InParameters(Record, frozen=True, kw_only=True):
    """What the parameters hold: their own identity, the state store as it was last seen, its newest token."""

    identity: str
    state: Height
    token: int = 0


def parameter_name(prefix: str) -> str:
    """Name of the parameter that holds it."""
    return f"{prefix}/{ids.RESERVED}heights"


def note(workspace: PolicySource) -> tuple[str, ...]:
    """Note in each store how far the other has come; a warning where one is behind or cannot be written.

    Called after whatever has written configs, runtimes or applied records. Of two at once, the lower heights
    may stay: they are true, too.
    """
    behind = next(findings(workspace), None)
    return (behind.message,) if behind is not None else _write(workspace)


def _write(workspace: PolicySource) -> tuple[str, ...]:
    """Write to the state store, to the parameters, and to the state store once more.

    In this order neither ever holds of the other what is not there, wherever the process ends.
    """
    try:
        known = _in_parameters(workspace)
        identity = known[0].identity if known else secrets.token_hex(16)
        height = _put(workspace, Height(identity=identity, height=known[1] if known else 0))
        wanted = InParameters(
            identity=identity,
            state=Height(identity=_identity(workspace), height=height),
            token=workspace.state.fence(),
        )
        write = ParameterWrite(
            name=parameter_name(workspace.prefix),
            value=strictjson.canonical(to_builtins(wanted)).decode(),
            kind=ParameterKind.STRING,
        )
        version = workspace.parameters.put([write])[0]
        _put(workspace, Height(identity=identity, height=version))
    except KarmaError as error:
        return (f"how far the stores have come was not noted: {error.what}",)
    return ()


def _put(workspace: PolicySource, parameters: Height) -> int:
    """Keep how far the parameters are; the document's new revision, which is how far the state store is."""
    body = {"parameters": to_builtins(parameters), "prefix": workspace.prefix}
    return workspace.state.put_document(KIND, DOCUMENT, body)


def findings(workspace: PolicySource) -> Iterator[Finding]:
    """`store-older` for each store that is not as far as another has seen it. Two reads."""
    known, seen = _in_parameters(workspace), _in_state(workspace)
    if known is not None:
        why = _behind("the state store", known[0].state, _state(workspace))
        if why:
            yield _finding(workspace, "state", why)
    if seen is not None:
        now = Height(identity=known[0].identity, height=known[1]) if known else None
        why = _behind("the parameter store", seen, now)
        if why:
            yield _finding(workspace, "parameters", why)


def require_same_prefix(workspace: PolicySource) -> None:
    """Refused `prefix-changed` where nothing was ever written under the prefix, but was under another.

    Else an environment whose prefix was changed in the settings would look like one of no components. Two
    reads; nothing is refused before the stores were first written.
    """
    document = workspace.state.document(KIND, DOCUMENT)
    before = document.body.get("prefix") if document is not None else None
    if before is None or before == workspace.prefix or _in_parameters(workspace) is not None:
        return
    raise prefix_changed(workspace, f"the configs of {workspace.name} were last written under {before}")


def prefix_changed(workspace: Context, why: str) -> KarmaError:
    """The error of an environment that has configs under another prefix than the settings name."""
    return Refused(
        f"nothing is published under the prefix {workspace.prefix}",
        why=why,
        next_step=f"`karma config publish` publishes them under {workspace.prefix}; "
        "or set the environment's prefix back to what it was",
        code=PREFIX_CHANGED,
        prefix=workspace.prefix,
    )


def require_level(workspace: PolicySource, *, publishing: bool = False) -> None:
    """Refused `store-older` where a store is not as far as another has seen it, `prefix-changed` as above.

    Who is `publishing` may do so under a new prefix.
    """
    if not publishing:
        require_same_prefix(workspace)
    for finding in findings(workspace):
        raise Refused(
            "nothing is done with these stores",
            why=finding.message.removesuffix("."),
            next_step="restore what was lost (`karma restore`), or say that it is right as it is: "
            "`karma doctor --accept store:state` or `store:parameters`",
            code=OLDER,
        )


def accept(workspace: PolicySource) -> tuple[str, ...]:
    """Take the stores as they are; what was behind, a sentence each. Refused where they cannot be written."""
    behind = tuple(finding.message for finding in findings(workspace))
    known = _in_parameters(workspace)
    if known is not None:
        workspace.state.raise_fence(known[0].token)
    failed = _write(workspace)
    if failed:
        raise Refused(
            "the stores are not accepted", why=failed[0], next_step="make the stores writable, and repeat it"
        )
    return behind


def _identity(workspace: PolicySource) -> str:
    """The state store's."""
    return strictjson.bytes_digest(workspace.state.secret(IDENTITY)).removeprefix("sha256:")[:32]


def _state(workspace: PolicySource) -> Height:
    """The state store as it is now."""
    document = workspace.state.document(KIND, DOCUMENT)
    return Height(identity=_identity(workspace), height=document.revision if document else 0)


def _in_parameters(workspace: PolicySource) -> tuple[InParameters, int] | None:
    """(what the parameters hold, its version); None where they hold nothing."""
    name = parameter_name(workspace.prefix)
    held = workspace.parameters.get(name)
    if held is None:
        return None
    try:
        body = strictjson.parse_object((held.value or "").encode(), where=name)
        return convert(body, InParameters), held.version
    except (BadInput, msgspec.ValidationError) as error:
        raise BadInput(
            f"{name} cannot be read",
            why=str(error),
            next_step="delete it if somebody else wrote it; Karma writes it anew with the next run",
            code="heights-unreadable",
        ) from error


def _in_state(workspace: PolicySource) -> Height | None:
    """How far the parameters under this prefix were; None where none were seen under it.

    Those under another prefix, which the settings named before, say nothing of these.
    """
    document = workspace.state.document(KIND, DOCUMENT)
    if document is None or document.body.get("prefix", workspace.prefix) != workspace.prefix:
        return None
    try:
        return convert(document.body.get("parameters"), Height)
    except msgspec.ValidationError as error:
        raise BadInput(
            "what the state store notes of the parameters cannot be read",
            why=str(error),
            next_step="restore the state store, or use the version of Karma that wrote it",
            code="heights-unreadable",
        ) from error


def _behind(store: str, seen: Height, now: Height | None) -> str:
    """Why a store is not the one that was seen, or not as far; empty where it is."""
    if now is None:
        return f"{store} is empty, or was emptied"
    if now.identity != seen.identity:
        return f"{store} is another one than these stores were last written with: new, or of elsewhere"
    if now.height < seen.height:
        return (
            f"{store} is older than when it was last written: it is at {now.height}, and was at {seen.height}"
        )
    return ""


def _finding(workspace: PolicySource, store: str, why: str) -> Finding:
    return Finding(
        code=OLDER,
        severity=Severity.ERROR,
        component=about_environment(workspace.name),
        pointer="",
        message=f"{why}. Restore it, or accept it as it is: `karma doctor --accept store:{store}`.",
    )
