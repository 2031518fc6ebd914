"""Strings that name a component's parameter: by its path, its ARN, or inside a dynamic reference."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar

from karma_core import ids
from karma_core.references.base import Context, Reference, Resolved, Subject
from karma_core.references.entries import pointer_to


class Parameter:
    """Finds `<prefix>/<type>/<nickname>/(runtime|config)` in any string of a config.

    The path stands alone, after a delimiter (`{{resolve:ssm:/iac/…}}`, `ssm:/iac/…`) or after an ARN's
    `:parameter`; part of a longer path or of a URL is none.
    """

    name: ClassVar[str] = "parameter"
    names_runtime: ClassVar[bool] = True

    def __init__(self, context: Context) -> None:
        self._start = context.prefix + "/"
        self._pattern = re.compile(
            r"(?:(?<![\w./-])|(?<=:parameter))"
            + re.escape(self._start)
            + rf"({_inner(ids.TYPE)})/({_inner(ids.NICKNAME)})/({ids.RUNTIME}|{ids.CONFIG})"
            + r"(?![\w/-]|\.\w)",
            re.ASCII,
        )

    def find(self, subject: Subject) -> Iterable[Resolved]:
        """One reference for each mention; mentions of a runtime say that it is read."""
        start = self._start
        references: list[Resolved] = []
        for key, value, path in subject.entries:
            if value.__class__ is str and start in value:
                for mention in self._pattern.finditer(value):
                    component_type, nickname, what = mention.groups()
                    target = f"{component_type}/{nickname}"
                    runtime = what == ids.RUNTIME
                    pointer = pointer_to(path, key)
                    references.append(Reference(subject.address, target, self.name, pointer, runtime))
        return references


def _inner(pattern: re.Pattern[str]) -> str:
    """A name's pattern without its anchor, for use inside a longer one."""
    return pattern.pattern.removesuffix(r"\Z")
