"""Authentication and authorisation of callers: tokens, roles, and an event in the log for every denial."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from karma_api.exchange import Incoming
from karma_api.limits import Buckets, Limits
from karma_api.problems import Forbidden, Unauthenticated
from karma_core.events import log_event
from karma_core.issuers import Issuers, Person
from karma_core.roles import Role
from karma_core.use_cases.access.sessions import recognise_session
from karma_core.use_cases.access.tokens import recognise, tokens
from karma_core.workspace import OpenEnvironment

REMEMBER_SECONDS: Final = 0.2
"""How long a recognised token is not looked up again; it counts as long once more while one request looks
it up. So a revoked one counts for twice as long at most."""
MAX_REMEMBERED: Final = 1_000
ISSUED: Final = "issued:"
"""Begins the token ids of callers that an issuer proved; no token of Karma's can begin so."""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """A caller. `token_id` is empty for anonymous ones; `source` is the entry point, as the log names it.

    `proof` says what proves who it is, as in `karma_core.workspace.Actor`. `environments` are those in which
    the proof itself gives a role; none for tokens, which count in one environment. `by_session`: a
    session of the pages stands for the proof.
    """

    user: str
    role: Role
    token_id: str = ""
    client: str = ""
    source: str = "api"
    proof: str = ""
    environments: tuple[str, ...] = ()
    by_session: bool = False

    @property
    def key(self) -> str:
        """The name under which the caller's requests are counted."""
        return self.token_id or f"address:{self.client}"


@dataclass
class _Remembered:
    """A recognised token: its caller, the time, and whether a request is looking it up again."""

    at: float
    caller: Caller
    renewing: bool = False


def caller_of(person: Person) -> Caller:
    """The caller whom an issuer proved."""
    return Caller(
        user=person.user,
        role=person.role,
        token_id=f"{ISSUED}{person.user}",
        proof=person.proof,
        environments=person.environments,
    )


class Access:
    """Access control of one environment. `anonymous` is the role of callers without a token; None: none."""

    def __init__(
        self,
        workspace: OpenEnvironment,
        *,
        anonymous: Role | None,
        limits: Limits,
        issuers: Issuers | None = None,
    ) -> None:
        self._workspace = workspace
        self._issuers = issuers
        self._anonymous = anonymous
        self._requests = Buckets(limits.requests_per_second, limits.burst)
        self._failures = Buckets(limits.failures_per_second, limits.failures_burst)
        self._remembered: dict[str, _Remembered] = {}

    def remembered(self, headers: Mapping[str, str]) -> Caller | None:
        """The caller whose token was recognised a moment ago; asks no store.

        Of many requests with a token that is to be looked up anew, the first one gets None.
        """
        entry = self._remembered.get(headers.get("authorization", ""))
        if entry is None:
            return None
        age = time.monotonic() - entry.at
        if age < REMEMBER_SECONDS or (entry.renewing and age < 2 * REMEMBER_SECONDS):
            return entry.caller
        entry.renewing = True
        return None

    def user_of(self, headers: Mapping[str, str]) -> str:
        """The user of a token that was recognised, however long ago; else empty."""
        entry = self._remembered.get(headers.get("authorization", ""))
        return entry.caller.user if entry is not None else ""

    def key_of(self, headers: Mapping[str, str]) -> str:
        """The key of the caller of a token that was recognised, however long ago; else empty."""
        entry = self._remembered.get(headers.get("authorization", ""))
        return entry.caller.key if entry is not None else ""

    def identify(self, incoming: Incoming, what: str, needed: Role | None) -> Caller:
        """Identify the caller of an action that needs a role (None: none).

        Unauthenticated, which is logged, where a token is missing or does not count.
        """
        text = incoming.headers.get("authorization", "")
        known = self._remembered.get(text)
        if known is not None and time.monotonic() - known.at < REMEMBER_SECONDS:
            remembered = known.caller
            return (
                replace(remembered, client=incoming.client)
                if remembered.client != incoming.client
                else remembered
            )
        if not text:
            if self._anonymous is None and needed is not None:
                raise self.turn_away(incoming, what, "the request has no token")
            return Caller(user="anonymous", role=self._anonymous or Role.VIEWER, client=incoming.client)
        scheme, _, credentials = text.partition(" ")
        caller = self._recognised(credentials.strip()) if scheme.lower() == "bearer" else None
        if caller is None:
            self._remembered.pop(text, None)
            why = "the token is not known, has expired, or was revoked"
            raise self.turn_away(incoming, what, why)
        caller = replace(caller, client=incoming.client)
        self._remember(text, caller)
        return caller

    def _recognised(self, text: str) -> Caller | None:
        """The caller whose token, session or token of an issuer it is; None: nobody's, or no longer."""
        session = recognise_session(self._workspace, text)
        if session is not None:
            key = session.token_id or f"{ISSUED}{session.user}"
            return Caller(
                user=session.user,
                role=session.role,
                token_id=key,
                proof=session.proof,
                environments=session.environments,
                by_session=True,
            )
        token = recognise(self._workspace, text)
        if token is not None:
            return Caller(user=token.user, role=token.role, token_id=token.id, proof="token")
        return self._issued(text) if self._issuers is not None else None

    def _issued(self, text: str) -> Caller | None:
        """The caller whom an issuer of the settings names, with the role that its claims give here."""
        assert self._issuers is not None  # noqa: S101 - asked before
        person = self._issuers.person(text, self._workspace.name)
        return caller_of(person) if person is not None else None

    def admit(self, caller: Caller, what: str, needed: Role | None) -> None:
        """TooManyRequests, or Forbidden (which is logged) where the role is not enough."""
        self._requests.take(caller.key)
        if needed is not None and not caller.role.includes(needed):
            raise self.refuse(caller, what, needed)

    def refuse(self, caller: Caller, what: str, needed: Role) -> Forbidden:
        """Log the denial, and give the error to raise."""
        self._log(caller.user, what, f"needs {needed}, has {caller.role}", caller)
        return Forbidden(
            f"{caller.user} may not do this: {what}",
            why=f"it needs the role {needed}, the token has {caller.role}",
            next_step=f"ask an admin for a token with the role {needed}",
            needs=str(needed),
        )

    def admit_neighbour(self, caller: Caller, what: str) -> None:
        """Let the caller of another environment read this one; Forbidden, which is logged.

        A token counts in one environment only. So the same user must have one here, or anybody may read.
        """
        now = self._workspace.now()
        if self._anonymous is not None or self._vouched(caller):
            return
        if any(t.user == caller.user and t.usable(now) for t in tokens(self._workspace)):
            return
        why = "the user has no token of this environment that counts"
        self._log(caller.user, what, why, caller)
        raise Forbidden(
            f"{caller.user} may not read {self._workspace.name}",
            why=why,
            next_step=f"ask an admin for a token of {self._workspace.name}",
            needs=str(Role.VIEWER),
        )

    def _vouched(self, caller: Caller) -> bool:
        """Whether what proves the caller gives a role here, too (never, for tokens)."""
        return self._workspace.name in caller.environments

    def _remember(self, text: str, caller: Caller) -> None:
        if len(self._remembered) >= MAX_REMEMBERED:
            self._remembered = {}
        self._remembered[text] = _Remembered(time.monotonic(), caller)

    def turn_away(self, incoming: Incoming, what: str, why: str) -> Unauthenticated:
        """Log that an unknown caller was denied, and return the error to raise; rate-limited on its own."""
        self._failures.take(incoming.client)
        self._log("anonymous", what, why, None, incoming.client)
        return Unauthenticated(
            "nobody is signed in",
            why=why,
            next_step="send `Authorization: Bearer TOKEN`; `karma token create` makes one",
        )

    def _log(self, user: str, what: str, why: str, caller: Caller | None, client: str = "") -> None:
        workspace = self._workspace
        inputs = {"route": what, "why": why, "client": caller.client if caller else client}
        if caller is not None and caller.token_id:
            inputs["token_id"] = caller.token_id
        source = caller.source if caller is not None else "api"
        log_event(workspace, "access", "denied", user=user, source=source, inputs=inputs)
