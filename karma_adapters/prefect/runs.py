"""Flow runs of a Prefect API, started and read over its REST interface; nothing here loads Prefect itself.

A request is only tried again where the server says that it is busy, for two seconds or so. Whoever asks for a
run repeats the call under the same idempotency key.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote

import httpx

from karma_adapters.prefect.api import PrefectApi
from karma_core.errors import BadInput, NotFound, StoreUnavailable
from karma_core.ids import shown
from karma_core.json_types import JsonMapping, JsonObject
from karma_core.model import Record

TIMEOUT_SECONDS: Final = 5.0
"""For one request. Ours: a webhook has to answer well before GitHub's ten seconds are over."""
BUSY: Final = frozenset({429, 502, 503})
"""As in Prefect's own client. On SQLite it answers 503 whenever another transaction is in the way."""
WAITS: Final = (0.1, 0.3, 0.6, 1.0)
"""Seconds before each further attempt."""
REGISTERED: Final = "deploy"
"""The deployment by which the others are seen to be registered, too."""
_REFUSED: Final = frozenset({401, 403})
_BAD_PARAMETERS: Final = frozenset({400, 409, 422})
_FINAL: Final = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


class RunState(Record, frozen=True, kw_only=True):
    """The state of a flow run: Prefect's state type (`RUNNING`, `COMPLETED`, …) and its message."""

    id: str
    name: str
    type: str
    message: str = ""

    @property
    def ended(self) -> bool:
        """Whether the run is in a final state."""
        return self.type in _FINAL


class PrefectRuns:
    """A RunStarter over the Prefect API that `find` names; every flow has a deployment of its own name."""

    def __init__(self, find: Callable[[], PrefectApi]) -> None:
        self._find = find

    def start(self, flow: str, parameters: Mapping[str, object], *, idempotency_key: str) -> str:
        """Create the run of the flow's deployment; the run of an earlier call under the same key."""
        with self._client() as client:
            place = f"{quote(flow, safe='')}/{quote(flow, safe='')}"
            described = _sent(client, "GET", f"/deployments/name/{place}")
            if described.status_code == httpx.codes.NOT_FOUND:
                raise _no_deployment(flow)
            deployment = _checked(described)["id"]
            body = {
                "parameters": dict(parameters),
                "idempotency_key": idempotency_key,
                "tags": _tags(parameters),
                "state": {"type": "SCHEDULED"},
            }
            answer = _sent(client, "POST", f"/deployments/{deployment}/create_flow_run", body)
        if answer.status_code in _BAD_PARAMETERS:
            raise BadInput(
                f"the flow {shown(flow)} cannot be started with these parameters",
                why=_detail(answer),
                next_step="correct them; the deployment's form in the Prefect UI says what it takes",
                code="flow-parameters",
            )
        return str(_checked(answer)["id"])

    def check(self) -> None:
        """Ask whether runs can be ordered.

        NotFound `no-deployment` where Karma's deployments are gone (the server's database was lost, and they
        are not registered again yet), StoreUnavailable `prefect` where the API does not answer.
        """
        with self._client() as client:
            answer = client.get(f"/deployments/name/{REGISTERED}/{REGISTERED}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise _no_deployment(REGISTERED)
        _checked(answer)

    def state(self, run_id: str) -> RunState:
        """The state of a run; NotFound `no-flow-run`."""
        with self._client() as client:
            answer = _sent(client, "GET", f"/flow_runs/{quote(run_id, safe='')}")
        if answer.status_code in {httpx.codes.NOT_FOUND, httpx.codes.UNPROCESSABLE_ENTITY}:
            raise NotFound(
                f"there is no flow run {shown(run_id)!r}",
                next_step="the Prefect UI lists those that there are",
                code="no-flow-run",
            )
        body = _checked(answer)
        state = body.get("state") or {"type": "PENDING"}
        return RunState(id=body["id"], name=body["name"], type=state["type"], message=_message(state))

    def crash(self, run_id: str, message: str) -> None:
        """Say of a run whose process is gone that it crashed; nothing happens to one that has ended."""
        if self.state(run_id).ended:
            return
        body = {"state": {"type": "CRASHED", "name": "Crashed", "message": message}, "force": True}
        with self._client() as client:
            _checked(_sent(client, "POST", f"/flow_runs/{quote(run_id, safe='')}/set_state", body))

    @contextmanager
    def _client(self) -> Iterator[httpx.Client]:
        """A client of the API; what goes wrong on the way there is StoreUnavailable `prefect`."""
        api = self._find()
        user, _, password = api.auth.partition(":")
        auth = httpx.BasicAuth(user, password) if api.auth else None
        try:
            with httpx.Client(
                base_url=api.url, auth=auth, timeout=TIMEOUT_SECONDS, trust_env=False
            ) as client:
                yield client
        except httpx.HTTPError as error:
            raise StoreUnavailable(
                f"the Prefect API at {api.url} does not answer",
                why=str(error) or type(error).__name__,
                next_step="see to it that it runs (`karma up --only server`), and try again",
                code="prefect",
            ) from error


def _sent(client: httpx.Client, method: str, path: str, body: object = None) -> httpx.Response:
    """The first answer that is not `busy`, or the last one."""
    answer = client.request(method, path, json=body)
    for seconds in WAITS:
        if answer.status_code not in BUSY:
            break
        time.sleep(seconds)
        answer = client.request(method, path, json=body)
    return answer


def _tags(parameters: Mapping[str, object]) -> list[str]:
    """Tags by which the runs of an environment and of a change are found in the Prefect UI."""
    named = {"env": parameters.get("environment"), "change": parameters.get("change_id")}
    return ["karma", *(f"{name}:{value}" for name, value in named.items() if value)]


def _checked(answer: httpx.Response) -> JsonObject:
    """The answer's object; StoreUnavailable for every other answer."""
    if answer.status_code in _REFUSED:
        raise StoreUnavailable(
            "the Prefect API refuses us",
            why=f"it answered {answer.status_code}",
            next_step="set KARMA_SERVICE__PREFECT_AUTH to its USER:PASSWORD",
            code="prefect",
        )
    try:
        body = answer.json() if answer.is_success else None
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise StoreUnavailable(
            "the Prefect API cannot serve us now",
            why=f"it answered {answer.status_code}: {_detail(answer)}",
            next_step="look at its log, and try again",
            code="prefect",
        )
    return body


def _message(state: JsonMapping) -> str:
    return str(state.get("message") or "")


def _detail(answer: httpx.Response) -> str:
    """Return the API's reason for a refusal, shortened; it names parameters, never their values."""
    try:
        body = answer.json()
    except ValueError:
        return answer.reason_phrase
    if not isinstance(body, dict):
        return "it is no object"
    said = body.get("exception_detail") or body.get("exception_message") or body.get("detail") or ""
    if isinstance(said, list):
        said = "; ".join(f"{'.'.join(map(str, e.get('loc', ())))}: {e.get('msg', '')}" for e in said[:5])
    return str(said)[:500] or answer.reason_phrase


def _no_deployment(flow: str) -> NotFound:
    return NotFound(
        f"the Prefect API has no deployment {shown(flow)}",
        why="Karma's deployments are not registered there",
        next_step="`karma up` registers them; or run `python -m flows.registration PROJECT`",
        code="no-deployment",
    )
