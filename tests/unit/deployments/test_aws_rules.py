"""deployments/aws keeps the rules of checkov and tflint that apply to it; each exception has its reason here.

The rules are written again, since neither tool is a package of this project. The numbers are checkov's
(3.3), the names tflint's (ruleset terraform).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from karma_lambda import queue_age
from tests.hcl_blocks import Block, blocks_of

ROOT = Path(__file__).parents[3]
AWS = ROOT / "deployments" / "aws"
BLOCKS = [block for block in blocks_of(AWS) if "local" not in block.file.parts]
Rule = Callable[[Block], bool]


def _has(*names: str) -> Rule:
    return lambda block: all(name in block.arguments for name in names)


def _is(name: str, value: str) -> Rule:
    return lambda block: block.arguments.get(name) == value


def _inner(kind: str, rule: Rule = lambda _: True) -> Rule:
    return lambda block: any(rule(one) for one in block.inner(kind))


def _not_open(block: Block) -> bool:
    return block.arguments.get("type") != '"ingress"' or "cidr_blocks" not in block.arguments


RULES: dict[str, tuple[str, Rule]] = {
    "CKV_AWS_158 log groups are encrypted by a key that can be given": (
        "aws_cloudwatch_log_group", _has("kms_key_id"),
    ),
    "CKV_AWS_66 log groups keep for a time": ("aws_cloudwatch_log_group", _has("retention_in_days")),
    "CKV_AWS_28 tables go back to a point in time": (
        "aws_dynamodb_table", _inner("point_in_time_recovery", _is("enabled", "var.point_in_time_recovery")),
    ),
    "CKV_AWS_119 tables are encrypted by a key that can be given": (
        "aws_dynamodb_table", _inner("server_side_encryption", _has("kms_key_arn")),
    ),
    "Karma tables are protected": ("aws_dynamodb_table", _has("deletion_protection_enabled")),
    "Karma tables have no partition with a limit": (
        "aws_dynamodb_table", lambda block: not block.inner("local_secondary_index"),
    ),
    "CKV_AWS_21 buckets are versioned": ("aws_s3_bucket_versioning", _inner("versioning_configuration")),
    "CKV_AWS_53-56 buckets are closed": (
        "aws_s3_bucket_public_access_block", _is("block_public_policy", "true"),
    ),
    "CKV_AWS_18 buckets log their access": ("aws_s3_bucket", lambda _: False),
    "CKV_AWS_144 buckets are copied to another region": ("aws_s3_bucket", lambda _: False),
    "CKV2_AWS_62 buckets tell of their events": ("aws_s3_bucket", lambda _: False),
    "CKV_AWS_27 queues are encrypted": (
        "aws_sqs_queue", _has("kms_master_key_id", "sqs_managed_sse_enabled"),
    ),
    "CKV_AWS_44 Neptune is encrypted": ("aws_neptune_cluster", _is("storage_encrypted", "true")),
    "CKV_AWS_280 by a key that can be given": ("aws_neptune_cluster", _has("kms_key_arn")),
    "CKV_AWS_359 Neptune asks IAM": (
        "aws_neptune_cluster", _is("iam_database_authentication_enabled", "true"),
    ),
    "CKV_AWS_101 Neptune logs": ("aws_neptune_cluster", _has("enable_cloudwatch_logs_exports")),
    "CKV_AWS_362 snapshots have tags": ("aws_neptune_cluster", _is("copy_tags_to_snapshot", "true")),
    "CKV_AWS_361 a week of backups": ("aws_neptune_cluster", _is("backup_retention_period", "7")),
    "CKV2_AWS_58 Neptune is protected": ("aws_neptune_cluster", _is("deletion_protection", "true")),
    "CKV_AWS_102 Neptune is not public": (
        "aws_neptune_cluster_instance", _is("publicly_accessible", "false"),
    ),
    "CKV_AWS_50 functions can be traced": ("aws_lambda_function", _inner("tracing_config")),
    "CKV_AWS_115 functions have a limit that can be given": (
        "aws_lambda_function", _has("reserved_concurrent_executions"),
    ),
    "CKV_AWS_116 functions have a dead-letter queue": (
        "aws_lambda_function", _inner("dead_letter_config"),
    ),
    "CKV_AWS_117 functions are in the network": ("aws_lambda_function", _inner("vpc_config")),
    "CKV_AWS_173 variables are encrypted by a key that can be given": (
        "aws_lambda_function", _has("kms_key_arn"),
    ),
    "CKV_AWS_272 code is signed": ("aws_lambda_function", _has("code_signing_config_arn")),
    "CKV_AWS_76/95 the API logs its access": ("aws_apigatewayv2_stage", _inner("access_log_settings")),
    "CKV_AWS_130 no subnet gives public addresses": (
        "aws_subnet", lambda block: "map_public_ip_on_launch" not in block.arguments,
    ),
    "CKV_AWS_260/24/25 nothing comes in from everywhere": ("aws_security_group_rule", _not_open),
    "CKV_AWS_23 groups and rules say what they are for": ("aws_security_group_rule", _has("description")),
    "CKV2_AWS_11 the network logs": ("aws_flow_log", _has("log_destination")),
    "CKV_AWS_65 container insights": ("aws_ecs_cluster", _inner("setting")),
    "CKV_AWS_333 workers have no public address": (
        "aws_ecs_service", _inner("network_configuration", _is("assign_public_ip", "false")),
    ),
    "CKV_AWS_336 workers' root is read-only": (
        "aws_ecs_task_definition",
        lambda block: "readonlyRootFilesystem = true"
        in re.sub(" +", " ", block.arguments["container_definitions"]),
    ),
    "Karma what an event cannot be delivered to has a dead-letter queue": (
        "aws_cloudwatch_event_target", _inner("dead_letter_config"),
    ),
    "Karma a queue gives up into another": ("aws_sqs_queue", _has("redrive_policy")),
    "Karma an order is kept": ("aws_cloudwatch_event_archive", _has("retention_days", "event_pattern")),
    "Karma an alarm says what to do, where to, and when it is over": (
        "aws_cloudwatch_metric_alarm", _has("alarm_description", "alarm_actions", "treat_missing_data"),
    ),
}  # fmt: skip
EXCEPTIONS: dict[tuple[str, str], str] = {
    (
        "Karma what an event",
        "functions/aws_cloudwatch_event_target.ready",
    ): "it is asked again in five minutes",
    ("Karma a queue gives up", "orders/aws_sqs_queue.dead"): "it is that other one; an alarm tells of it",
    ("Karma tables have no partition with a limit", "stores/aws_dynamodb_table.state"): (
        "a resume reads the journal by run, consistently, which a global index cannot; what grows is in many "
        "partitions, docs/aws.md"
    ),
    (
        "CKV_AWS_18",
        "bucket/aws_s3_bucket.this",
    ): "Karma's log has who read what; data events of CloudTrail the rest",
    ("CKV_AWS_144", "bucket/aws_s3_bucket.this"): "`karma backup` copies everything, consistently",
    ("CKV2_AWS_62", "bucket/aws_s3_bucket.this"): "nobody waits for an artifact",
    ("CKV_AWS_361", "neptune/aws_neptune_cluster.this"): "the graph is built again from parameters and state",
    ("CKV2_AWS_58", "neptune/aws_neptune_cluster.this"): "the same: protected is what cannot be made again",
    (
        "CKV_AWS_116",
        "functions/aws_lambda_function.this",
    ): "only API Gateway calls, and waits: nothing is queued",
    ("CKV_AWS_272", "functions/aws_lambda_function.this"): "Terraform uploads the zips by their digests",
}
"""By the rule's first word (or words) and the resource."""


def broken(blocks: list[Block]) -> Iterator[tuple[str, str]]:
    """(rule, resource) of each that is not kept."""
    for said, (kind, rule) in RULES.items():
        for block in blocks:
            if block.kind == "resource" and block.labels[0] == kind and not rule(block):
                yield said, block.name


def excused(said: str, resource: str) -> bool:
    """Whether there is a reason."""
    return any(said.startswith(rule) and resource == name for rule, name in EXCEPTIONS)


def test_the_rules_are_kept() -> None:
    """What is not kept has its reason; a reason for what is kept is one too many."""
    found = set(broken(BLOCKS))
    assert {one for one in found if not excused(*one)} == set()
    assert {
        (rule, name)
        for rule, name in EXCEPTIONS
        if not any(said.startswith(rule) and name == resource for said, resource in found)
    } == set()


def test_every_rule_looks_at_something() -> None:
    """A rule for a resource that there is none of would keep nothing."""
    there = {block.labels[0] for block in BLOCKS if block.kind == "resource"}
    assert {kind for kind, _ in RULES.values()} <= there


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('resource "aws_sqs_queue" "q" {}', "CKV_AWS_27"),
        (
            'resource "aws_security_group_rule" "r" {\n type = "ingress"\n cidr_blocks = ["0.0.0.0/0"]\n}',
            "CKV_AWS_260",
        ),
        ('resource "aws_cloudwatch_log_group" "l" {}', "CKV_AWS_66"),
    ],
)
def test_a_broken_rule_is_found(tmp_path: Path, text: str, rule: str) -> None:
    """The guard: each rule is broken once."""
    (tmp_path / "main.tf").write_text(text + "\n", "utf-8")
    assert any(said.startswith(rule) for said, _ in broken(list(blocks_of(tmp_path))))


def test_each_ends_before_who_waits_for_it() -> None:
    """Neptune's query before the function that asks for it, and the function before the API, by seconds."""
    texts = {name: (AWS / name).read_text("utf-8") for name in (*LIMITED, "main.tf")}
    function, gateway = (
        int(re.findall(pattern, texts[name])[0])
        for pattern, name in (
            (r"function_seconds = (\d+)", "main.tf"),
            (r"timeout_milliseconds\s+= (\d+)", LIMITED[0]),
        )
    )
    [before] = re.findall(r"query_timeout_seconds\s+= local\.function_seconds - (\d+)", texts["main.tf"])
    assert 0 < function - int(before) < function < gateway / 1000
    assert (
        len(re.findall(r"timeout_seconds\s+= local\.function_seconds$", texts["main.tf"], re.MULTILINE)) == 2
    )
    group = texts[LIMITED[1]].partition('"neptune_query_timeout"')[2]
    assert group.partition("}")[0].strip() == "value = tostring(var.query_timeout_seconds * 1000)"


LIMITED = ("modules/http-api/main.tf", "modules/neptune/main.tf")
ALARMED = {
    "Errors", "Throttles", "Duration", "5xx", "Latency", "ApproximateAgeOfOldestMessage",
    "ApproximateNumberOfMessagesVisible", "FailedInvocations", "ThrottledRules", "OldestQueuedChangeSeconds",
    "ReadThrottleEvents", "WriteThrottleEvents", "SystemErrors", "CPUUtilization", "FreeableMemory",
    "ServerlessDatabaseCapacity", "MainRequestQueuePendingRequests", "ClusterReplicaLagMaximum",
    "GremlinServerErrors", "RunningTaskCount",
}  # fmt: skip
"""Metrics of Lambda, API Gateway, SQS, EventBridge, Karma, DynamoDB, Neptune and ECS, as AWS names them."""


def test_what_can_go_wrong_has_an_alarm() -> None:
    """Each of these metrics has an alarm, written out or in the table that the alarms are made of."""
    texts = [text for block in BLOCKS if block.kind in {"resource", "locals"} for text in block.texts()]
    assert {name for name in ALARMED if not any(f'"{name}"' in text for text in texts)} == set()
    assert queue_age.METRIC in ALARMED


def test_what_is_declared_is_described_typed_and_used() -> None:
    """terraform_documented_*, _typed_variables, _unused_declarations, _naming_convention."""
    for folder in {block.file.parent for block in BLOCKS}:
        text = "\n".join(path.read_text("utf-8") for path in folder.glob("*.tf"))
        for block in [one for one in BLOCKS if one.file.parent == folder]:
            where = f"{folder.name}: {block.kind} {'.'.join(block.labels)}"
            assert all(re.fullmatch(r"[a-z][a-z0-9_]*", label) for label in block.labels), where
            if block.kind in {"variable", "output"}:
                assert "description" in block.arguments, where
                assert block.file.name == f"{block.kind}s.tf", where
            if block.kind == "variable":
                assert "type" in block.arguments, where
                assert re.search(rf"\bvar\.{block.labels[0]}\b", text), where
            if block.kind == "data":
                assert f"data.{'.'.join(block.labels)}" in text, where
            if block.kind == "locals":
                for name in block.arguments:
                    assert re.search(rf"\blocal\.{name}\b", text), f"{where} {name}"
