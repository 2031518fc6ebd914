"""What the sinks on AWS ask of their client: calls by name, with Karma's errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeAlias

AwsDocument: TypeAlias = dict[str, Any]
"""A request or an answer of boto3, or a part of one: JSON with bytes, times and streams, described by the
service's model alone."""
AwsMapping: TypeAlias = Mapping[str, Any]
"""An answer of boto3 that is only read."""


class Service(Protocol):
    """One AWS service. Operations, requests and answers are boto3's (`put_item`, `Item={…}`).

    A condition that does not hold is a Conflict, what does not exist NotFound, and every other failure one of
    KarmaError's children. Calls are retried until a deadline; a repeated one may find itself done already.
    """

    def call(self, operation: str, **request: Any) -> AwsDocument:
        """One answer."""
        ...

    def pages(
        self, operation: str, request: AwsDocument, *, by: str, given: str = ""
    ) -> Iterator[AwsDocument]:
        """Every page; a request names the next in field `by`, an answer in `given` (default: the same)."""
        ...

    def content(self, **request: Any) -> bytes:
        """The whole body of an S3 object."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...
