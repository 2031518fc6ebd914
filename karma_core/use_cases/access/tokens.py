"""Bearer tokens of an environment: made, listed, revoked, recognised. The state store holds hashes alone.

A token is `karma_<id>.<secret>`. The secret has 256 random bits, so that one round of SHA-256 is enough:
there is nothing to guess (NIST SP 800-63B, 5.1.1.2, asks for slow hashes of what people choose).
"""

from __future__ import annotations

import hmac
import re
import secrets
from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from karma_core import strictjson
from karma_core.decoding import convert
from karma_core.errors import NotFound, UsageError
from karma_core.events import log_event
from karma_core.ids import shown
from karma_core.json_types import JsonObject
from karma_core.model import Record, to_builtins
from karma_core.needs import HasLog, HasState, RecordsAndLog
from karma_core.outcomes import Phase
from karma_core.records import Document
from karma_core.roles import Role

KIND: Final = "token"
SECRET_BYTES: Final = 32
TEXT: Final = re.compile(r"karma_([A-Za-z0-9-]{1,64})\.[A-Za-z0-9_-]{43}\Z")
"""The form of every token; 32 bytes are 43 characters of base64url (RFC 4648, section 5)."""
MAX_USER: Final = 200
LONGEST_DAYS: Final = 3_650
USUAL_DAYS: Final = 90
"""How long a token lives unless somebody says otherwise. Ours."""


class Token(Record, frozen=True, kw_only=True):
    """The stored record of a token: its user, role and expiry. An empty time, of version 0.1, means never."""

    id: str
    user: str
    role: Role
    digest: str
    created_at: str
    created_by: str
    expires_at: str = ""
    revoked_at: str = ""

    def usable(self, now: str) -> bool:
        """Whether the token is valid at that time (ISO 8601 UTC, as `Workspace.now` gives it)."""
        return not self.revoked_at and (not self.expires_at or now < self.expires_at)

    def document(self) -> JsonObject:
        """The token as people may see it: without its digest."""
        body: JsonObject = to_builtins(self)
        return {name: value for name, value in body.items() if name != "digest"}


def create(workspace: RecordsAndLog, user: str, role: Role, *, days: int = USUAL_DAYS) -> tuple[Token, str]:
    """A new token and its text, which is never shown again. UsageError `token` for what cannot be one."""
    if not user.strip() or len(user) > MAX_USER or not user.isprintable():
        raise _refused("a token needs a user", f"a name of 1 to {MAX_USER} printable characters")
    if not 1 <= days <= LONGEST_DAYS:
        raise _refused(f"a token cannot live {days} days", f"1 to {LONGEST_DAYS:,} days")
    token_id = workspace.new_id()
    text = f"karma_{token_id}.{secrets.token_urlsafe(SECRET_BYTES)}"
    expires = workspace.clock() + timedelta(days=days)
    token = Token(
        id=token_id,
        user=user,
        role=role,
        digest=digest_of(text),
        created_at=workspace.now(),
        created_by=workspace.actor.user,
        expires_at=expires.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    )
    _log(workspace, "token_create", token)
    workspace.state.put_document(KIND, token.id, to_builtins(token), revision=0)
    return token, text


def _refused(what: str, wanted: str) -> UsageError:
    return UsageError(what, next_step=f"give {wanted}", code="token")


def tokens(workspace: HasState) -> tuple[Token, ...]:
    """Every token that was made, the oldest first."""
    stored = (_read(document) for document in workspace.state.documents(KIND))
    return tuple(sorted(stored, key=lambda token: (token.created_at, token.id)))


def revoke(workspace: RecordsAndLog, token_id: str) -> Token:
    """Revoke a token; NotFound. Revoking it again changes nothing."""
    document = workspace.state.document(KIND, token_id)
    if document is None:
        raise NotFound(
            f"there is no token {shown(token_id)!r}", next_step="`karma token list` shows their ids"
        )
    token = _read(document)
    if token.revoked_at:
        return token
    revoked = replace(token, revoked_at=workspace.now())
    _log(workspace, "token_revoke", revoked)
    workspace.state.put_document(KIND, token_id, to_builtins(revoked), revision=document.revision)
    return revoked


def recognise(workspace: HasState, text: str) -> Token | None:
    """Return the valid token with that text, or None. One read; the comparison takes constant time."""
    form = TEXT.match(text)
    document = workspace.state.document(KIND, form[1]) if form else None
    if document is None:
        return None
    token = _read(document)
    same = hmac.compare_digest(token.digest, digest_of(text))
    return token if same and token.usable(workspace.now()) else None


def token_of(workspace: HasState, token_id: str) -> Token | None:
    """The token with that id, whether it counts or not."""
    document = workspace.state.document(KIND, token_id)
    return _read(document) if document is not None else None


def digest_of(text: str) -> str:
    """The digest under which a token's text is known."""
    return strictjson.bytes_digest(text.encode())


def _read(document: Document) -> Token:
    return convert(document.body, Token)


def _log(workspace: HasLog, action: str, token: Token) -> None:
    """The event before the write: where the log cannot be written, nobody gets or loses access."""
    inputs = {"token_id": token.id, "for_user": token.user, "role": str(token.role)}
    log_event(workspace, action, Phase.SUCCEEDED, inputs=inputs)
