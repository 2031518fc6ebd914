"""What an AWS account holds for Karma, as JSON and back: parameters with their history, tables, objects.

Through AWS's own interfaces alone, so that it is what stands there and not what Karma thinks of it.
"""

from __future__ import annotations

import base64
import zlib
from contextlib import suppress
from typing import Any

import boto3

from tests.upgrade.files import NOW, WAITING

REGION = "eu-central-1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}
_SECTIONS = ("KARMA_ENVIRONMENTS__PROD__AWS__", "KARMA_ENVIRONMENTS__WORN__AWS__")
MOST_PUTS = 25
"""Items of one BatchWriteItem (DynamoDB)."""
KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
TABLE_FIELDS = ("TableName", "KeySchema", "AttributeDefinitions")
INDEXES = ("GlobalSecondaryIndexes", "LocalSecondaryIndexes")
INDEX_FIELDS = ("IndexName", "KeySchema", "Projection")


def variables(url: str) -> dict[str, str]:
    """What a command needs to reach the account: the settings of a fixture have no address."""
    endpoints = {f"{section}ENDPOINT_URL": url for section in _SECTIONS}
    unhurried = {f"{section}REQUESTS_PER_SECOND": "1000" for section in _SECTIONS}
    return {**CREDENTIALS, **endpoints, **unhurried}


def dump(url: str) -> dict[str, Any]:
    """Everything in the account that is at `url`."""
    client = _clients(url)
    return {
        "parameters": _parameters(client("ssm")),
        "tables": _tables(client("dynamodb")),
        "buckets": _buckets(client("s3")),
    }


def restore(held: dict[str, Any], url: str | None, now: str) -> None:
    """Put it into an account that holds nothing (url None: wherever this process finds AWS).

    Parameters get their versions one after the other.
    """
    client = _clients(url)
    for name, versions in held["parameters"].items():
        for number, version in enumerate(versions, 1):
            tags = version.pop("Tags", [])
            put = client("ssm").put_parameter(Name=name, Overwrite=number > 1, **version)
            assert put["Version"] == number
            if tags:
                client("ssm").add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=tags)
    for table in held["tables"]:
        client("dynamodb").create_table(**table["definition"], BillingMode="PAY_PER_REQUEST")
        puts = [{"PutRequest": {"Item": _item(item, now)}} for item in table["items"]]
        for first in range(0, len(puts), MOST_PUTS):
            request = {table["definition"]["TableName"]: puts[first : first + MOST_PUTS]}
            assert not client("dynamodb").batch_write_item(RequestItems=request)["UnprocessedItems"]
    for name, objects in held["buckets"].items():
        place = {"LocationConstraint": REGION}
        client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=place)
        for key, content in objects.items():
            headers = {k: v for k, v in content.items() if k not in {"text", "zlib", "base64"}}
            client("s3").put_object(Bucket=name, Key=key, Body=_body(content, now), **headers)


def _clients(url: str | None) -> Any:
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in made:
            made[service] = boto3.client(service, region_name=REGION, endpoint_url=url, **KEYS)
        return made[service]

    return client


def _parameters(ssm: Any) -> dict[str, Any]:
    by_name = {}
    described = ssm.get_paginator("describe_parameters").paginate()
    for name in sorted(p["Name"] for page in described for p in page["Parameters"]):
        pages = ssm.get_paginator("get_parameter_history").paginate(Name=name, WithDecryption=True)
        history = [version for page in pages for version in page["Parameters"]]
        assert [version["Version"] for version in history] == list(range(1, len(history) + 1)), name
        tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
        fields = ("Value", "Type", "Description", "Tier")
        by_name[name] = [
            {field: version[field] for field in fields if version.get(field)} for version in history
        ]
        by_name[name][-1]["Tags"] = tags
    return by_name


def _tables(dynamodb: Any) -> list[Any]:
    tables = []
    for name in sorted(dynamodb.list_tables()["TableNames"]):
        described = dynamodb.describe_table(TableName=name)["Table"]
        definition = {field: described[field] for field in TABLE_FIELDS}
        for indexes in INDEXES:
            for index in described.get(indexes, []):
                definition.setdefault(indexes, []).append({field: index[field] for field in INDEX_FIELDS})
        pages = dynamodb.get_paginator("scan").paginate(TableName=name)
        items = [_readable(item) for page in pages for item in page["Items"]]
        tables.append({"definition": definition, "items": sorted(items, key=str)})
    return tables


def _buckets(s3: Any) -> dict[str, Any]:
    buckets: dict[str, Any] = {}
    for name in sorted(bucket["Name"] for bucket in s3.list_buckets()["Buckets"]):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=name)
        objects = buckets[name] = {}
        for key in sorted(entry["Key"] for page in pages for entry in page.get("Contents", [])):
            got = s3.get_object(Bucket=name, Key=key)
            headers = {field: got[field] for field in ("ContentType", "Metadata") if got.get(field)}
            objects[key] = {**headers, **_content(got["Body"].read())}
    return buckets


def _content(content: bytes) -> dict[str, str]:
    """Bytes for JSON: as text where they are text, also where that was compressed."""
    for kind, read in (("text", bytes), ("zlib", zlib.decompress)):
        with suppress(UnicodeDecodeError, zlib.error):
            return {kind: WAITING.sub(rf"\g<1>{NOW}", read(content).decode())}
    return {"base64": base64.b64encode(content).decode()}


def _body(held: dict[str, str], now: str) -> bytes:
    """The bytes that `_content` made text of."""
    if "base64" in held:
        return base64.b64decode(held["base64"])
    text = held.get("text", held.get("zlib", "")).replace(NOW, now).encode()
    return zlib.compress(text) if "zlib" in held else text


def _readable(value: Any) -> Any:
    """A DynamoDB item for JSON."""
    if isinstance(value, dict):
        return {key: _readable(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_readable(part) for part in value]
    return _content(value) if isinstance(value, bytes) else value


def _item(value: Any, now: str) -> Any:
    """The item that `_readable` made readable."""
    if isinstance(value, list):
        return [_item(part, now) for part in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _body(part, now) if key == "B" and isinstance(part, dict) else _item(part, now)
        for key, part in value.items()
    }
