"""What each function asks of AWS: the source of its IAM policy.

`make lambda` writes it into functions.json, from which deployments/aws/modules/policies makes the policies.
A test calls every route of every function, records what is asked, and compares both ways: what is asked and
not listed here fails, and so does what is listed, was never asked, and has no reason in `UNSEEN`.
"""

from __future__ import annotations

from typing import Final

from karma_core.json_types import JsonObject
from karma_core.model import Record

_READ_LOG: Final = ("dynamodb:GetItem", "dynamodb:Query")
_APPEND: Final = ("dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query")
_READ_GRAPH: Final = ("neptune-db:ReadDataViaQuery",)
_WRITE_GRAPH: Final = (*_READ_GRAPH, "neptune-db:DeleteDataViaQuery", "neptune-db:WriteDataViaQuery")
_PARTS: Final = "part*"
"""Where the rest of a large body is (karma_adapters/aws/state_table.py)."""
_TOKEN: Final = "document#token"  # noqa: S105 - a kind of documents
_ORDERS: Final = ("document#run-order", "document#vouched-order")
_HEIGHTS: Final = "document#heights"
"""How far the stores were when last seen: which build is the last, so that none older passes for it."""
_LEASES: Final = ("fence", "lease")
_MODULES: Final = ("document#kept-module", "document#kept-modules", _PARTS)
_BUILD: Final = (
    "applied", "document#change", "document#config-set", "document#drift", _HEIGHTS, "secret",
    *_MODULES,
)  # fmt: skip
"""What a graph is built from, beside parameters."""
_CHANGES: Final = ("document#change", "document#change-index", "document#change-order")


class Permissions(Record, frozen=True, kw_only=True):
    """What one function may ask.

    `reads`, `writes`, `deletes`: leading keys in the state table, without the environment, or patterns of
    them. `log`, `parameters`, `graph`: actions. `artifacts`: reads what runs and builds wrote into the
    bucket. `answers`: sends large answers by the bucket.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    deletes: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    graph: tuple[str, ...] = ()
    artifacts: bool = False
    answers: bool = False


def _with_tokens(
    *reads: str,
    writes: tuple[str, ...] = (),
    deletes: tuple[str, ...] = (),
    parameters: tuple[str, ...] = (),
    graph: tuple[str, ...] = (),
    artifacts: bool = False,
    answers: bool = True,
) -> Permissions:
    """Return the permissions of a function whose callers have tokens.

    It looks the tokens up, and logs denials, which moves the log's head.
    """
    return Permissions(
        reads=tuple(sorted({"chain", _TOKEN, *reads, *writes})),
        writes=tuple(sorted({"chain", *writes})),
        deletes=deletes,
        log=_APPEND,
        parameters=tuple(f"ssm:{name}" for name in parameters),
        graph=graph,
        artifacts=artifacts,
        answers=answers,
    )


_CONFIGS: Final = ("DescribeParameters", "GetParameter", "GetParameterHistory", "GetParametersByPath")
_QUEUE: Final = (*_CHANGES, *_ORDERS, *_LEASES, _PARTS)
"""What a function writes that queues changes."""
_INTAKE: Final = (
    *_BUILD, "document#from-git", "document#git-holds", "document#published-policy",
    "document#removed-config",
)  # fmt: skip
PERMISSIONS: Final[dict[str, Permissions]] = {
    "builds": _with_tokens(writes=_ORDERS, graph=_READ_GRAPH),
    "changes": _with_tokens(
        *_INTAKE, "document#plan",
        writes=(*_QUEUE, _HEIGHTS, "document#change-key"), deletes=("lease", _PARTS), parameters=_CONFIGS,
        graph=_WRITE_GRAPH, artifacts=True,
    ),
    "components": _with_tokens(
        "document#change", _HEIGHTS, *_MODULES, parameters=("GetParameter",), graph=_READ_GRAPH
    ),
    "config": _with_tokens(*_MODULES, parameters=("GetParameter", "GetParameterHistory")),
    "events": _with_tokens(),
    "graph": _with_tokens(
        *_BUILD, parameters=("GetParameter", "GetParametersByPath"), graph=_READ_GRAPH, artifacts=True
    ),
    "graphql": _with_tokens(
        *_BUILD,
        parameters=("GetParameter", "GetParametersByPath"), graph=_READ_GRAPH, artifacts=True,
    ),
    "health": Permissions(
        reads=("chain", "document#change", "document#change-index", _PARTS),
        log=_READ_LOG, parameters=("ssm:GetParameter",), graph=_READ_GRAPH,
    ),
    "log": _with_tokens(artifacts=True),
    "plans": _with_tokens("document#plan", _PARTS, artifacts=True),
    "promotions": _with_tokens(
        *_INTAKE,
        writes=(*_QUEUE, _HEIGHTS), deletes=("lease", _PARTS), parameters=_CONFIGS, graph=_WRITE_GRAPH,
        artifacts=True, answers=False,
    ),
    "queries": _with_tokens(_HEIGHTS, graph=_READ_GRAPH),
    "runs": _with_tokens(
        "applied", "counter", "document#drift", _HEIGHTS, "journal*",
        writes=("run", *_ORDERS, *_LEASES, _PARTS), deletes=("lease", _PARTS), graph=_READ_GRAPH,
    ),
    "tokens": _with_tokens(writes=(_TOKEN,), answers=False),
    "webhooks": Permissions(
        reads=("chain", "document#delivery", *_ORDERS),
        writes=("chain", "document#delivery", *_ORDERS),
        log=_APPEND,
        parameters=("ssm:DescribeParameters",),
    ),
}  # fmt: skip
"""By function."""

UNSEEN: Final[dict[str, str]] = {
    "* read part": "only bodies that an item of 400 KB cannot hold are in parts",
    "* write part": "the same",
    "* delete part": "the same",
    "* dynamodb:GetItem log": "an append whose reply was lost is looked up",
    "* s3:GetObject answers": "the address of an answer is signed by the function, and the caller asks",
    "* s3:ListBucket": "asked where there is no such object",
    "* read document#change": "a build names the change that a config came from",
    "changes read document#from-git": "only where changes come from Git",
    "changes read document#git-holds": "the same",
    "changes read document#removed-config": "only where a config was taken away",
    "promotions read document#from-git": "only where changes come from Git",
    "promotions read document#git-holds": "the same",
    "promotions read document#removed-config": "only where a config was taken away",
    "changes s3:PutObject answers": "only a long list of changes is large",
    "config s3:PutObject answers": "only the description of many types is large",
    "events s3:PutObject answers": "only what happened in a long time is large",
    "graphql s3:PutObject answers": "only an answer about many components is large",
    "changes ssm:GetParameterHistory": "a change is taken back to a version that the cache does not have",
}
"""What is granted though the recording does not show it: function (or *), what, and why."""


def described(function: str) -> JsonObject:
    """The permissions of a function, for functions.json."""
    one = PERMISSIONS[function]
    return {
        "reads": list(one.reads),
        "writes": list(one.writes),
        "deletes": list(one.deletes),
        "log": list(one.log),
        "parameters": list(one.parameters),
        "graph": list(one.graph),
        "artifacts": one.artifacts,
        "answers": one.answers,
    }
