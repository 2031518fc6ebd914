"""Words that are no secret wherever else they stand, though a secret attribute may hold one.

An attribute that Terraform marks sensitive can hold `postgres` or `eu-west-1`. Its own value is masked; to
mask the word in every text would hide plans, names and errors, and tell what the secret is.
"""

from __future__ import annotations

import re
from typing import Final

_WORDS: Final = frozenset(
    re.findall(
        r"\S+",
        """
    access account address administrator administrators allowed amazon amazonaws application arguments arm64
    attach attribute aurora available backend balancer binary bridge browser bucket builder cancel central
    certificate change changed client cloudwatch cluster command common component components config
    configuration connect connection console container content control create created creating credential
    credentials current custom database databases datacenter debian default delete deleted deny deploy
    deployed deployment destroy develop developer development digest directory disabled docker document domain
    download dynamic dynamodb elastic enabled encrypted endpoint endpoints engine environment event example
    external failed firewall forbidden format function gateway general github global gremlin groups health
    helper hidden hosted https identity ignore image import inbound ingress input inputs instance instances
    integer internal internet invalid keepalive kubernetes lambda latest launch linux listener listeners local
    localhost location logging machine maintenance managed manager mariadb master member memcached message
    metadata method migration mongodb monitor monitoring network nobody normal nothing number object online
    operator optional oracle output outputs parameter parameters partner password passwords pending permission
    platform policy postgres postgresql preview primary private production project promote protected protocol
    provider proxies public publish rabbitmq readonly readwrite record records redirect redis region register
    regular release reload remote removed replica replicas report request required reserved resource resources
    response restart reverse rollback rotate routes runtime sandbox schema secondary secret secrets secure
    security sensitive server servers service services session settings shared simple single snapshot source
    staging standard standby static status storage stream string subnet subnets subscription support system
    target targets template temporary terraform testing timeout traffic transit tunnel ubuntu unknown update
    updated upload username variable version volume warning website webhook windows worker workers workspace
    """,
    )
)
"""Ours: words of infrastructure and of English from six letters on, such as names, states and defaults."""
_COMMON: Final = re.compile(
    r"[a-z]{2}(?:-[a-z]+){1,2}-\d[a-z]?"  # a region or zone: eu-west-1, us-gov-east-1a
    r"|\d{1,4}(?:\.\d{1,4})+(?:/\d{1,2})?"  # a version, an IPv4 address, a network
    r"|(\S)\1*"  # one character again and again
    r"|\d{4}-\d\d-\d\d(?:[T ][\d:.]*(?:Z|[+-]\d\d:\d\d)?)?"  # a date or a time
    r"|\W+"
)


def is_common(secret: str) -> bool:
    """Whether a value says nothing where it stands elsewhere."""
    word = secret.strip().lower()
    return word in _WORDS or _COMMON.fullmatch(word) is not None
