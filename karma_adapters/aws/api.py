"""One AWS service as Karma calls it: at a bounded rate, until a deadline, with Karma's errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from random import SystemRandom
from typing import Any, Final

from karma_adapters.aws.access import ATTEMPTS, Access
from karma_adapters.aws.failures import translated
from karma_core.deadlines import Deadline
from karma_core.errors import KarmaError, StoreUnavailable
from karma_core.token_bucket import TokenBucket
from karma_log.sinks.service import AwsDocument

DEADLINE_SECONDS: Final = 60.0
"""No attempt of a call begins later than this after its first. Ours."""
_LONGEST_PAUSE: Final = 5.0
_FIRST_PAUSE: Final = 0.1
"""Full jitter between these, doubling (AWS Architecture Blog: Exponential Backoff And Jitter)."""

_random = SystemRandom()


class Api:
    """Calls by name with botocore's request and answer. Threads may share one.

    botocore retries what its standard mode lists (throttling, 5xx, no answer); every attempt takes a token
    and must begin before the deadline, else StoreUnavailable. With `attempts=1` nothing is retried: for
    writes that must not happen twice.
    """

    def __init__(
        self,
        access: Access,
        service: str,
        *,
        bucket: TokenBucket | None = None,
        attempts: int = ATTEMPTS,
        deadline_seconds: float = DEADLINE_SECONDS,
        endpoint_url: str = "",
    ) -> None:
        self.service = service
        self.deadline_seconds = deadline_seconds
        self._access = access
        self._bucket = bucket
        self._attempts = attempts
        self._endpoint_url = endpoint_url
        self._made: Any = None
        self._lock = threading.Lock()
        self._call = threading.local()

    def call(self, operation: str, **request: Any) -> AwsDocument:
        """Call `operation` (as boto3 names it, `put_item`) and return its answer; errors are KarmaErrors."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - only who uses AWS pays
        from botocore.parsers import ResponseParserError  # noqa: PLC0415

        client = self._client()
        self._call.operation = operation
        self._call.ends_at = Deadline.after(self.deadline_seconds).at
        try:
            answer: AwsDocument = getattr(client, operation)(**request)
        except (BotoCoreError, ClientError, ResponseParserError) as error:
            raise translated(error, self.service, operation) from error
        return answer

    def pages(
        self, operation: str, request: AwsDocument, *, by: str, given: str = ""
    ) -> Iterator[AwsDocument]:
        """Every page; a request names the next one in field `by`, an answer in `given` (default: the same).

        A page may be short or empty before the last.
        """
        answer = self.call(operation, **request)
        yield answer
        while following := answer.get(given or by):
            answer = self.call(operation, **request, **{by: following})
            yield answer

    def content(self, **request: Any) -> bytes:
        """The whole body of an S3 object; a connection that breaks while it is read is retried, too."""
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415

        failed: KarmaError | None = None
        for _ in pauses(self.deadline_seconds):
            # Not `with body`: that gives urllib3's stream, which checks no length and raises its own errors.
            with closing(self.call("get_object", **request)["Body"]) as body:
                try:
                    return bytes(body.read())
                except BotoCoreError as error:
                    failed = translated(error, self.service, "get_object")
        raise failed or AssertionError("there is always a first attempt")

    def link(self, operation: str, request: AwsDocument, *, seconds: int) -> str:
        """Return a presigned URL for this one operation, valid for `seconds`."""
        made: str = self._client().generate_presigned_url(operation, Params=request, ExpiresIn=seconds)
        return made

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        with self._lock:
            if self._made is not None:
                self._made.close()
                self._made = None

    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                self._made = self._access.client(
                    self.service, attempts=self._attempts, endpoint_url=self._endpoint_url
                )
                # With its own session: the client may be closed, and another made, while it is still called.
                # botocore has no public way there; it would take half a JSON body for an empty answer.
                session = self._made._endpoint.http_session
                self._made.meta.events.register("before-send", partial(self._before_send, session))
            return self._made

    def _before_send(self, session: Any, request: Any, **_: Any) -> Any:
        """Send one attempt in botocore's place and return the response.

        What is raised here ends the attempt, and the call unless botocore retries it.
        """
        if time.monotonic() > self._call.ends_at:
            raise StoreUnavailable(
                f"{self.service} {self._call.operation} did not succeed in {self.deadline_seconds:.0f} s",
                why="it was throttled, failed or hung in every attempt",
                next_step="try again; if it goes on, check the region's health and the account's quotas",
                code="store-deadline",
            )
        if self._bucket is not None:
            time.sleep(self._bucket.book())
        return complete_response(request, session.send(request))


def complete_response(request: Any, response: Any) -> Any:
    """The response; ConnectionClosedError, which botocore retries, where its body ended early."""
    from botocore.exceptions import ConnectionClosedError  # noqa: PLC0415

    announced = response.headers.get("Content-Length", "")
    bodiless = request.stream_output or request.method == "HEAD"
    if not bodiless and announced.isdigit() and len(response.content) < int(announced):
        raise ConnectionClosedError(endpoint_url=request.url)
    return response


def pauses(
    seconds: float,
    *,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[int]:
    """Attempt numbers from 1, with a pause between them, until `seconds` have passed."""
    ends_at = monotonic() + seconds
    longest = _FIRST_PAUSE
    attempt = 1
    while True:
        yield attempt
        pause = _random.uniform(0, longest)
        if monotonic() + pause > ends_at:
            return
        sleep(pause)
        attempt += 1
        longest = min(_LONGEST_PAUSE, longest * 2)
