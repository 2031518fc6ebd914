"""What is left in a local AWS after `terraform destroy`.

Run as `python left.py ENDPOINT NAME`: it lists what holds the name; with `--empty` it exits 1
where anything does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

import boto3

REGION: Final = "eu-central-1"
Client = Any
LISTS: Final[dict[str, tuple[str, Callable[[Client], list[str]]]]] = {
    "tables": ("dynamodb", lambda api: api.list_tables()["TableNames"]),
    "buckets": ("s3", lambda api: [one["Name"] for one in api.list_buckets()["Buckets"]]),
    "functions": ("lambda", lambda api: [one["FunctionName"] for one in api.list_functions()["Functions"]]),
    "APIs": ("apigatewayv2", lambda api: [one["Name"] for one in api.get_apis()["Items"]]),
    "roles": ("iam", lambda api: [one["RoleName"] for one in api.list_roles()["Roles"]]),
    "queues": ("sqs", lambda api: api.list_queues().get("QueueUrls", [])),
    "buses": (
        "events",
        lambda api: [one["Name"] for one in api.list_event_buses()["EventBuses"] if one["Name"] != "default"],
    ),
    "archives": ("events", lambda api: [one["ArchiveName"] for one in api.list_archives()["Archives"]]),
    "log groups": (
        "logs",
        lambda api: [one["logGroupName"] for one in api.describe_log_groups()["logGroups"]],
    ),
    "alarms": (
        "cloudwatch",
        lambda api: [one["AlarmName"] for one in api.describe_alarms().get("MetricAlarms", [])],
    ),
}
"""By kind: the service, and how its names are listed."""


def left(endpoint: str, name: str) -> dict[str, list[str]]:
    """The names of what there is, by kind, of those that hold `name`."""
    found = {}
    for kind, (service, names) in LISTS.items():
        api = boto3.client(service, region_name=REGION, endpoint_url=endpoint)
        found[kind] = sorted(one for one in names(api) if name in one)
    return found


if __name__ == "__main__":
    found = left(sys.argv[1], sys.argv[2])
    for kind, names in found.items():
        print(f"    {kind}: {len(names)}", *names[:3])
    raise SystemExit(any(found.values()) and "--empty" in sys.argv)
