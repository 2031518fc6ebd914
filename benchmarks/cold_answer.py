"""A container's first answer, from the zip: loading, settings, clients, and one request to DynamoDB.

What was taken out of the loading must not come back here. AWS is moto's server on this machine, so the time
that its own answer takes is in the figure.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import boto3

from benchmarks.figures import Figure
from karma_adapters.aws import state_table
from tests import local_aws
from tests.api_doors import http_api_event

FUNCTION: Final = "tokens"
"""Its list of tokens is one query of the state table."""
_TIMED: Final = """
import json, os, sys, time
asked = json.load(sys.stdin)
os.environ.update(asked["environ"])
sys.path.insert(0, asked["place"])
said, sys.stdout = sys.stdout, sys.stderr
began = time.perf_counter()
from karma_lambda.functions import {name} as function
loaded = time.perf_counter()
first = function(asked["event"], None)
answered = time.perf_counter()
again = function(asked["event"], None)
ended = time.perf_counter()
assert first["statusCode"] == again["statusCode"] == 200, first
json.dump([loaded - began, answered - loaded, ended - answered], said)
"""


def figure(place: Path) -> Figure:
    """The time of the whole, of the function unpacked in `place`."""
    _make_table()
    tried = [_seconds(place) for _ in range(3)]
    loading, first, second = min(tried, key=lambda seconds: seconds[0] + seconds[1])
    note = f"loading {loading:.2f}, first answer {first:.2f}, second {second:.3f} s"
    return Figure(f"{FUNCTION}: cold answer", loading + first, None, "s", note)


def _make_table() -> None:
    client = boto3.client(
        "dynamodb",
        region_name=local_aws.REGION,
        endpoint_url=local_aws.url(),
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - what a local AWS takes
    )
    client.create_table(**state_table.definition(local_aws.STATE))


def _seconds(place: Path) -> list[float]:
    """Loading, first answer, second answer."""
    asked = {"place": str(place), "environ": _environ(), "event": _event()}
    words = [sys.executable, "-I", "-S", "-B", "-c", _TIMED.format(name=FUNCTION)]
    ended = subprocess.run(words, input=json.dumps(asked), capture_output=True, text=True, check=True)
    seconds: list[float] = json.loads(ended.stdout)
    return seconds


def _environ() -> dict[str, str]:
    section = {
        "parameters": "ssm",
        "state": "dynamodb",
        "artifacts": "s3",
        "graph": "gremlin",
        "region": local_aws.REGION,
        "gremlin_url": "ws://127.0.0.1:1/gremlin",
        "aws": {
            "endpoint_url": local_aws.url(),
            "state_table": local_aws.STATE,
            "log_table": local_aws.EVENTS,
            "bucket": local_aws.BUCKET,
        },
    }
    function = {
        "project": {"environments": {"dev": section}, "log": {"required": "dynamodb"}},
        "authorizer": {"roles": {"admins": "admin"}},
    }
    return {
        "KARMA_FUNCTION": json.dumps(function),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def _event() -> dict[str, Any]:
    event = http_api_event("GET /tokens", "GET", "/tokens", {}, {}, b"")
    claims = {"email": "bench@example.org", "cognito:groups": "admins"}
    event["requestContext"]["authorizer"] = {"jwt": {"claims": claims}}
    return event
