"""Sessions of the pages: what a browser keeps in place of a token. The state store holds hashes alone.

A session is `karmas_<holder>.<secret>`. The holder is the token it was begun with or, for somebody whom an
issuer proved, a digest of the name: so a person has one document, with the sessions that have not ended. A
session counts for hours, no longer than its token, and no longer at all once that is revoked or the session
was ended.
"""

from __future__ import annotations

import hmac
import re
import secrets
from datetime import timedelta
from typing import Final

from karma_core import strictjson
from karma_core.decoding import convert
from karma_core.errors import Conflict
from karma_core.events import log_event
from karma_core.issuers import Person
from karma_core.model import Record, to_builtins
from karma_core.needs import HasState, RecordsAndLog
from karma_core.outcomes import Phase
from karma_core.roles import Role
from karma_core.use_cases.access.tokens import SECRET_BYTES, digest_of, token_of

KIND: Final = "page-session"
TEXT: Final = re.compile(r"karmas_([A-Za-z0-9-]{1,64})\.[A-Za-z0-9_-]{43}\Z")
SESSION_HOURS: Final = 12
"""A working day; the token itself may end earlier."""
MOST_SESSIONS: Final = 20
"""Sessions of one holder at once: browsers and private windows. Ours; the oldest one ends for the next."""
TRIES: Final = 5
"""How often a session is begun anew when another one of the holder's is begun at the same moment. Ours."""


class Session(Record, frozen=True, kw_only=True):
    """One session. `token_id` is empty where an issuer proved its user; times are as `Workspace.now` gives.

    `environments` are others in which its user's proof counts as well.
    """

    digest: str
    user: str
    role: Role
    proof: str
    token_id: str = ""
    created_at: str
    expires_at: str
    environments: tuple[str, ...] = ()


class _Held(Record, frozen=True, kw_only=True):
    """The document of a holder."""

    sessions: tuple[Session, ...] = ()


def begin(workspace: RecordsAndLog, person: Person) -> tuple[Session, str]:
    """A new session of somebody who was recognised, and its text. The sign-in is logged before it counts."""
    holder = person.token_id or f"o-{strictjson.digest([person.proof, person.user])[-32:]}"
    text = f"karmas_{holder}.{secrets.token_urlsafe(SECRET_BYTES)}"
    session = Session(
        digest=digest_of(text),
        user=person.user,
        role=person.role,
        proof=person.proof,
        token_id=person.token_id,
        created_at=workspace.now(),
        expires_at=_end(workspace, person),
        environments=person.environments,
    )
    inputs = {"role": str(person.role), "proof": person.proof, "token_id": person.token_id}
    log_event(workspace, "sign_in", Phase.SUCCEEDED, user=person.user, inputs=inputs)
    _change(workspace, holder, added=session)
    return session, text


def end(workspace: HasState, text: str) -> None:
    """End a session; nothing happens where it is none, or has ended."""
    form = TEXT.match(text)
    if form is None:
        return
    digest = digest_of(text)
    if any(one.digest == digest for one in _read(workspace, form[1])[0].sessions):
        _change(workspace, form[1], ended=digest)


def recognise_session(workspace: HasState, text: str) -> Session | None:
    """Return the session with that text that counts now, or None. Two reads; compared in constant time."""
    form = TEXT.match(text)
    if form is None:
        return None
    digest, now = digest_of(text), workspace.now()
    held, _ = _read(workspace, form[1])
    session = next((one for one in held.sessions if hmac.compare_digest(one.digest, digest)), None)
    if session is None or now >= session.expires_at:
        return None
    if not session.token_id:
        return session
    token = token_of(workspace, session.token_id)
    return session if token is not None and token.usable(now) else None


def _end(workspace: RecordsAndLog, person: Person) -> str:
    hours = (workspace.clock() + timedelta(hours=SESSION_HOURS)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    token = token_of(workspace, person.token_id) if person.token_id else None
    return min(hours, token.expires_at) if token is not None and token.expires_at else hours


def _change(workspace: HasState, holder: str, *, added: Session | None = None, ended: str = "") -> None:
    """Write a holder's sessions with one more or one less, without those that are over."""
    for attempt in range(TRIES):
        held, revision = _read(workspace, holder)
        now = workspace.now()
        kept = [one for one in held.sessions if now < one.expires_at and one.digest != ended]
        kept += [added] if added is not None else []
        body = to_builtins(_Held(sessions=tuple(kept[-MOST_SESSIONS:])))
        try:
            workspace.state.put_document(KIND, holder, body, revision=revision)
        except Conflict:
            if attempt + 1 == TRIES:
                raise
        else:
            return


def _read(workspace: HasState, holder: str) -> tuple[_Held, int]:
    """(the sessions of a holder, the document's revision; 0 where there is none yet)."""
    document = workspace.state.document(KIND, holder)
    if document is None:
        return _Held(), 0
    return convert(document.body, _Held), document.revision
