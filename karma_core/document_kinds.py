"""The kinds of documents that Karma keeps in a state store.

A backup reads the documents of a store that cannot list its kinds by this list. A test finds every kind that
the source gives to `put_document` here.
"""

from __future__ import annotations

from typing import Final

DOCUMENT_KINDS: Final = (
    "change",
    "change-index",
    "change-key",
    "change-order",
    "config-set",
    "creations",
    "delivery",
    "drift",
    "from-git",
    "git-holds",
    "heights",
    "kept-module",
    "kept-modules",
    "plan",
    "published-policy",
    "removed-config",
    "run-order",
    "token",
    "vouched-order",
)
