"""A sink in an S3 bucket: one object an append, named by the number of its first event, never replaced.

The chain has one head because an object is put on the condition that its key is free (`If-None-Match: *`), by
a writer that has seen the expected event at the end of the newest object. S3 lists in ascending order only,
so the newest object is found from the last one seen, or by doubling and halving: O(log events) requests.
Filters read every event: this sink is for keeping, another for asking.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from threading import Lock
from typing import Final

from karma_core.errors import Conflict, LogTampered, NotFound
from karma_core.ids import shown
from karma_core.records import ChainHead, Event
from karma_log import chain
from karma_log.chain import StoredLine
from karma_log.filters import EVERYTHING, Filter
from karma_log.sinks.base import cut_off, head_moved
from karma_log.sinks.service import AwsDocument, Service

_OBJECT_EVENTS: Final = 1000
"""Most events of one object. Ours: bounds how far back the object that holds a number can begin."""
_DIGITS: Final = 15
_NAME: Final = re.compile(r"[0-9]{15}\.jsonl\Z")


class S3Sink:
    """The events of one environment in `bucket`, below `folder`; threads and processes share it."""

    def __init__(
        self, service: Service, bucket: str, folder: str, *, name: str = "s3", kms_key_id: str = ""
    ) -> None:
        self.name = name
        self._service = service
        self._bucket = bucket
        self._folder = folder.strip("/") + "/"
        self._sealed = _encryption(kms_key_id)
        self._lock = Lock()
        self._newest_seen = 0
        self._appended: ChainHead | None = None

    def head(self) -> ChainHead | None:
        """The newest event. One listing and one object, once the newest has been seen."""
        first = self._newest_object()
        if first == 0:
            return None
        lines = self._lines(first)
        return chain.head_of(self._event(lines[-1], first + len(lines) - 1))

    def append(self, events: Sequence[Event], expected: ChainHead | None) -> None:
        """Store the events if the newest stored one is `expected`; Conflict, and nothing stored, if not.

        Where `expected` is what this sink itself stored last, the conditional put alone decides: whoever else
        followed it has taken the key.
        """
        if expected is None or expected != self._appended:
            head = self.head()
            if head != expected:
                raise head_moved(self.name, expected, head)
        for start in range(0, len(events), _OBJECT_EVENTS):
            try:
                self._put(events[start : start + _OBJECT_EVENTS], expected)
            except Conflict as error:
                if start:
                    raise cut_off(self.name, error) from error
                raise
        if events:
            self._appended = chain.head_of(events[-1])

    def read(
        self,
        query: Filter = EVERYTHING,
        *,
        after_seq: int = 0,
        before_seq: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[Event]:
        """Events that match, by seq."""
        objects = takewhile(lambda first: before_seq is None or first < before_seq, self._objects(after_seq))
        for first in sorted(objects, reverse=True) if newest_first else objects:
            numbered = list(enumerate(self._lines(first), first))
            for seq, raw in reversed(numbered) if newest_first else numbered:
                inside = seq > after_seq and (before_seq is None or seq < before_seq)
                event = self._event(raw, seq) if inside else None
                if event is not None and query.matches(event):
                    yield event

    def event(self, event_id: str) -> Event | None:
        """One event."""
        return next((event for event in self.read(newest_first=True) if event.id == event_id), None)

    def stored(self, *, after_seq: int = 0) -> Iterator[StoredLine]:
        """The lines by the number under which they are kept."""
        for first in self._objects(after_seq):
            for seq, raw in enumerate(self._lines(first), first):
                if seq > after_seq:
                    yield StoredLine(raw=raw, place=f"{self._key(first)} line {seq - first + 1}", seq=seq)

    def close(self) -> None:
        """Close the connections."""
        self._service.close()

    # -- objects ----------------------------------------------------------------------------------

    def _put(self, events: Sequence[Event], expected: ChainHead | None) -> None:
        key = self._key(events[0].seq)
        content = b"".join(chain.line(event) + b"\n" for event in events)
        try:
            self._service.call(
                "put_object",
                Bucket=self._bucket,
                Key=key,
                Body=content,
                IfNoneMatch="*",
                ChecksumAlgorithm="SHA256",
                **self._sealed,
            )
        except Conflict as error:
            # A repeated put whose first answer was lost finds its own object.
            if self._content(key) != content:
                raise head_moved(self.name, expected, self.head()) from error

    def _newest_object(self) -> int:
        """The first number in the newest object; 0 where there is none."""
        with self._lock:
            known = self._newest_seen
            step = _OBJECT_EVENTS
            while (following := self._next_object(known)) is not None:
                known = following
                # Gallop: jump twice as far while there is something behind the jump.
                while (further := self._next_object(known + step)) is not None:
                    known, step = further, step * 2
                step = max(_OBJECT_EVENTS, step // 4)
            self._newest_seen = known
            return known

    def _next_object(self, after: int) -> int | None:
        answer = self._service.call("list_objects_v2", **self._listing(after), MaxKeys=1)
        return next((self._number(item["Key"]) for item in answer.get("Contents", ())), None)

    def _objects(self, after_seq: int) -> Iterator[int]:
        """First numbers of the objects that may hold events behind after_seq, ascending."""
        start = max(0, after_seq - _OBJECT_EVENTS)
        pages = self._service.pages(
            "list_objects_v2", self._listing(start), by="ContinuationToken", given="NextContinuationToken"
        )
        return (self._number(item["Key"]) for page in pages for item in page.get("Contents", ()))

    def _listing(self, after: int) -> AwsDocument:
        return {"Bucket": self._bucket, "Prefix": self._folder, "StartAfter": self._key(after)}

    def _lines(self, first: int) -> list[bytes]:
        content = self._content(self._key(first)) or b""
        return content.removesuffix(b"\n").split(b"\n")

    def _content(self, key: str) -> bytes | None:
        try:
            return self._service.content(Bucket=self._bucket, Key=key)
        except NotFound:
            return None

    def _event(self, raw: bytes, seq: int) -> Event:
        return chain.read_line(raw, where=f"event {seq} in {self.name}")

    def _key(self, first: int) -> str:
        return f"{self._folder}{first:0{_DIGITS}d}.jsonl"

    def _number(self, key: str) -> int:
        name = key.removeprefix(self._folder)
        if not _NAME.match(name):
            raise LogTampered(
                f"the log's folder in {self._bucket} holds {shown(key)!r}",
                why="only the log writes there, and it names objects by number",
                next_step="move the object away, then run `karma log verify`",
            )
        return int(name[:_DIGITS])


def _encryption(kms_key_id: str) -> dict[str, str]:
    if not kms_key_id:
        return {"ServerSideEncryption": "AES256"}
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id}
