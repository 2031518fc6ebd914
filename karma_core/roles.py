"""Roles of callers of a server: four, each with all rights of the one below it."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """Roles in one environment.

    A viewer reads; an operator plans, requests changes and asks in Gremlin; an approver decides on changes
    and deploys, which no policy is asked about; an admin sees who has access.
    """

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Whether this role may do what the other may."""
        return _RANK[self] >= _RANK[other]


_RANK = {role: rank for rank, role in enumerate(Role)}
