"""What IAM would be asked for a recorded call, and whether a policy allows it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote, urlsplit

from karma_core.model import Record
from tests.faulty_aws import Call

REGION, ACCOUNT = "eu-central-1", "123456789012"
_SERVICES = {"awsevents": "events"}


class Question(Record, frozen=True, kw_only=True):
    """An action on a resource; `keys`: leading keys of the items, `once`: a put that replaces nothing."""

    action: str
    resource: str
    keys: tuple[str, ...] = ()
    once: bool = False


@dataclass(frozen=True)
class Policy:
    """An IAM policy, evaluated as far as ours go: allows, wildcards, and the conditions that they have."""

    statements: list[dict[str, Any]]

    def allowing(self, question: Question) -> dict[str, Any] | None:
        """The first statement that allows it."""
        return next((one for one in self.statements if _allows(one, question)), None)


def _allows(statement: dict[str, Any], question: Question) -> bool:
    named = any(fnmatchcase(question.action, pattern) for pattern in statement["Action"])
    placed = any(fnmatchcase(question.resource, pattern) for pattern in statement["Resource"])
    return (
        named and placed and all(_holds(*item, question) for item in statement.get("Condition", {}).items())
    )


def _holds(operator: str, values: dict[str, Any], question: Question) -> bool:
    [(key, wanted)] = values.items()
    if (operator, key) == ("Null", "s3:if-none-match"):
        return question.once == (wanted == "false")
    assert key == "dynamodb:LeadingKeys", key
    assert operator == "ForAllValues:StringLike", operator
    return all(any(fnmatchcase(name, pattern) for pattern in wanted) for name in question.keys)


def asked(call: Call) -> Iterator[Question]:
    """The questions of one call."""
    if call.service == "s3":
        yield from _of_s3(call)
    elif call.service == "dynamodb":
        yield from _of_dynamodb(call.operation, json.loads(call.request))
    elif call.service == "ssm":
        request = json.loads(call.request)
        name = request.get("Name") or request.get("Path") or ""
        path = f"parameter/{name.strip('/')}" if name else "*"
        yield Question(action=f"ssm:{call.operation}", resource=_arn("ssm", path))
    else:
        for entry in json.loads(call.request)["Entries"]:
            service = _SERVICES[call.service]
            yield Question(
                action=f"{service}:{call.operation}",
                resource=_arn(service, f"event-bus/{entry['EventBusName']}"),
            )


def _of_s3(call: Call) -> Iterator[Question]:
    bucket, _, key = unquote(urlsplit(call.path).path).lstrip("/").partition("/")
    verb = {"GET": "Get", "PUT": "Put"}[call.operation]
    once = "if-none-match" in {name.lower() for name in call.headers}
    yield Question(action=f"s3:{verb}Object", resource=f"arn:aws:s3:::{bucket}/{key}", once=once)
    if b"<Code>NoSuchKey</Code>" in call.answer:
        yield Question(action="s3:ListBucket", resource=f"arn:aws:s3:::{bucket}")


def _of_dynamodb(operation: str, request: dict[str, Any]) -> Iterator[Question]:
    if operation == "TransactWriteItems":
        for item in request["TransactItems"]:
            for kind, write in item.items():
                single = "ConditionCheckItem" if kind == "ConditionCheck" else f"{kind}Item"
                yield from _of_dynamodb(single, write)
        return
    index = f"/index/{request['IndexName']}" if "IndexName" in request else ""
    key = request.get("Key") or request.get("Item") or {}
    leading = [key[name]["S"] for name in ("pk", "environment") if name in key]
    values = request.get("ExpressionAttributeValues", {})
    leading += [values[n]["S"] for n in (":pk", ":partition") if operation == "Query" and n in values]
    resource = _arn("dynamodb", f"table/{request['TableName']}{index}")
    yield Question(action=f"dynamodb:{operation}", resource=resource, keys=tuple(leading))


def _arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"
