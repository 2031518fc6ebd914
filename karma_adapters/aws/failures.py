"""Translation of AWS errors to Karma's errors, in this one place.

Sources of the names: the error lists of the SSM, S3 and DynamoDB API references, and botocore's
`retries/standard.py` for what counts as throttling.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from karma_core.errors import Conflict, KarmaError, NotFound, Refused, StoreError, StoreUnavailable
from karma_core.json_types import JsonValue

CONDITION: Final = "aws-condition"
"""Code of the Conflict that a failed condition of a write is."""

IN_THE_WAY: Final = frozenset({"TransactionCanceledException", "TransactionConflictException"})
"""`aws_code` of a write that was not done because a transaction on the same items was under way: DynamoDB
refuses a transaction, and a single write, instead of queueing it."""
_THROTTLED: Final = frozenset(
    {
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TooManyUpdates",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
_NOT_FOUND: Final = frozenset(
    {"404", "InvalidResourceId", "NoSuchKey", "ParameterNotFound", "ParameterVersionNotFound"}
)
_CONDITION: Final = frozenset(
    {
        "412",
        "ConditionalCheckFailedException",
        "ConditionalRequestConflict",
        "ParameterAlreadyExists",
        "PreconditionFailed",
    }
)
_NO_PLACE: Final = frozenset({"NoSuchBucket", "ResourceNotFoundException", "TableNotFoundException"})
_NO_ACCESS: Final = frozenset(
    {"403", "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "NotAuthorized"}
)
_BAD_CREDENTIALS: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_QUOTAS: Final = {
    "HierarchyLevelLimitExceededException": "its name has too many levels",
    "ParameterLimitExceeded": "the account and region hold as many parameters as their quota allows",
    "ParameterMaxVersionLimitExceeded": "its oldest version has a label, and SSM keeps 100 versions",
}
_SERVER_ERROR: Final = 500


def translated(error: Exception, service: str, operation: str) -> KarmaError:
    """A botocore error as a KarmaError; facts `aws_code` and, for what may be retried, `throttled`.

    AWS's own message is kept, except for SSM's: it may quote a value.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415 - only who uses AWS pays

    if isinstance(error, ClientError):
        return _answered(error.response, service, operation)
    return _unanswered(error, service, operation)


def _answered(response: Any, service: str, operation: str) -> KarmaError:
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    what = f"{service} {operation} failed"
    why = code if service == "ssm" else f"{code}: {response.get('Error', {}).get('Message', '')}"
    if code == "TransactionCanceledException":
        return _cancelled(response.get("CancellationReasons", ()), what)
    if code in _THROTTLED or status >= _SERVER_ERROR or status == 429:  # noqa: PLR2004 - too many requests
        throttled = status < _SERVER_ERROR or code in _THROTTLED
        return _unavailable(what, why, aws_code=code, throttled=throttled)
    if code in _NOT_FOUND:
        return NotFound(what, why=why, next_step="check the name", aws_code=code)
    if code in _CONDITION:
        return Conflict(what, why=why, next_step="read it again and decide anew", code=CONDITION)
    if code in _QUOTAS:
        step = "delete what is not needed, or move it to another account"
        return Refused(what, why=_QUOTAS[code], next_step=step, code="parameter-quota", aws_code=code)
    return _refused(code, what, why, operation)


def _refused(code: str, what: str, why: str, operation: str) -> KarmaError:
    if code in _NO_PLACE:
        step = "run `karma aws create`, or correct the name in [environments.<name>.aws] of karma.toml"
        return StoreError(what, why=why, next_step=step, code="aws-missing", aws_code=code)
    if code in _NO_ACCESS:
        step = f"grant {operation} to the role in use"
        return StoreError(what, why=why, next_step=step, code="aws-access-denied", aws_code=code)
    if code in _BAD_CREDENTIALS:
        step = "renew the credentials (`aws sso login`, AWS_PROFILE)"
        return StoreError(what, why=why, next_step=step, code="aws-credentials", aws_code=code)
    return StoreError(what, why=why, next_step="run `karma doctor`", code="aws", aws_code=code)


def _cancelled(reasons: Sequence[Any], what: str) -> KarmaError:
    """A transaction that was not done: a condition did not hold, or another one was in its way."""
    codes = sorted({str(reason.get("Code")) for reason in reasons} - {"None"})
    why = ", ".join(codes)
    if "ConditionalCheckFailed" in codes:
        return Conflict(what, why=why, next_step="read it again and decide anew", code=CONDITION)
    if codes == ["TransactionConflict"] or set(codes) <= {
        "ProvisionedThroughputExceeded",
        "ThrottlingError",
        "TransactionConflict",
    }:
        return _unavailable(what, why, aws_code="TransactionCanceledException", throttled=True)
    return StoreError(what, why=why, next_step="run `karma doctor`", code="aws")


def _unanswered(error: Exception, service: str, operation: str) -> KarmaError:
    from botocore import exceptions  # noqa: PLC0415
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    what = f"{service} {operation} failed"
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        step = "set AWS_PROFILE or `profile` in the environment's section, or log in with `aws sso login`"
        return StoreError(what, why="there are no AWS credentials", next_step=step, code="aws-credentials")
    kind = type(error).__name__
    if isinstance(error, exceptions.HTTPClientError | exceptions.ConnectionError | ResponseParserError):
        return _unavailable(what, f"no answer came ({kind})", aws_code=kind, throttled=False)
    return StoreError(what, why=kind, next_step="run `karma doctor`", code="aws", aws_code=kind)


def _unavailable(what: str, why: str, **facts: JsonValue) -> StoreUnavailable:
    step = "try again; if it goes on, check the region's health and the account's quotas"
    return StoreUnavailable(what, why=why, next_step=step, **facts)
