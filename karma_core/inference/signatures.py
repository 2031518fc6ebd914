"""The parameters of Terraform's functions, as `terraform metadata functions -json` lists them.

A letter a parameter: s(tring), n(umber), b(ool), d(ynamic); l, t and m before a letter make it a list, a set
or a map of that; `?` after it takes null, and `*` takes any number of them. Behind the arrow, where it says
more than the function itself, is the type of the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from karma_core.inference.conversion import ANY, BOOL, NUMBER, STRING, Type, converted
from karma_core.inference.values import Value, known

_TABLE: Final = """
abs n; alltrue lb; anytrue lb; base64decode s; base64encode s; base64sha256 s; base64sha512 s; basename s;
ceil n; chomp s; chunklist ld n -> ld; cidrhost s n; cidrnetmask s; cidrsubnet s n n; cidrsubnets s n* -> ls;
coalesce d?*; coalescelist d?*; compact ls -> ls; concat d*; contains d d; csvdecode s -> ld; dirname s;
distinct ld -> ld; element d n; endswith s s; file s; filebase64 s; filebase64sha256 s; filebase64sha512 s;
fileexists s; filemd5 s; fileset s s -> ts; filesha1 s; filesha256 s; filesha512 s; flatten d; floor n;
format s d?*; formatlist s d?* -> ls; indent n s; index d d; join s ls*; jsondecode s; jsonencode d?; keys d;
length d; lower s; matchkeys ld ld ld -> ld; max n*; md5 s; merge d?*; min n*; one d; parseint d n;
range n* -> ln; regex s s; regexall s s -> ld; replace s s s; reverse d; setintersection td td* -> td;
setproduct d*; setsubtract td td -> td; setunion td td* -> td; sha1 s; sha256 s; sha512 s; signum n;
slice d n n; sort ls -> ls; split s s -> ls; startswith s s; strcontains s s; strrev s; substr s n n; sum d;
templatefile s d; templatestring s d; timecmp s s; title s; tobool d?; tolist d?; tomap d?; tonumber d?;
toset d?; tostring d?; transpose mls; trim s s; trimprefix s s; trimspace s; trimsuffix s s; upper s;
urlencode s; uuidv5 s s; values d; yamldecode s; zipmap ls d
"""
_SIMPLE: Final = {"s": STRING, "n": NUMBER, "b": BOOL, "d": ANY}
_CLASSES: Final = {"s": str, "n": int, "b": bool}
_OUTER: Final = {"l": "list", "t": "set", "m": "map"}

Class: TypeAlias = type
"""A class of Python."""


class Parameter(NamedTuple):
    """One parameter."""

    type: Type
    nullable: bool
    exactly: Class | None
    """The class of values that are of this type as they are, beside others that have to be converted."""


class Signature(NamedTuple):
    """What a function takes; `variadic` is the parameter of any further arguments."""

    parameters: tuple[Parameter, ...]
    variadic: Parameter | None
    result: Type
    classes: tuple[Class | None, ...]
    """The classes of arguments that need no conversion; None in it: there is none for that parameter."""


def _type(letters: str) -> Type:
    first, rest = letters[0], letters[1:]
    return Type(_OUTER[first], (_type(rest),)) if first in _OUTER else _SIMPLE[first]


def _parameter(text: str) -> Parameter:
    letters = text.rstrip("?*")
    return Parameter(_type(letters), nullable="?" in text, exactly=_CLASSES.get(letters))


def _signature(text: str) -> tuple[str, Signature]:
    takes, _, gives = text.partition(" -> ")
    name, *parameters = takes.split()
    variadic = _parameter(parameters.pop()) if parameters and parameters[-1].endswith("*") else None
    result = _type(gives) if gives else ANY
    taking = tuple(map(_parameter, parameters))
    return name, Signature(taking, variadic, result, tuple(one.exactly for one in taking))


SIGNATURES: Final = dict(map(_signature, " ".join(_TABLE.split()).split("; ")))


def taken(name: str, arguments: Sequence[Value]) -> list[Value]:
    """The arguments as the function's parameters convert them: TypeError, Unconvertible, Uncertain.

    One that is not known in all its parts stays as it is.
    """
    signature = SIGNATURES[name]
    missing = len(signature.parameters) - len(arguments)
    if missing > 0 or (missing < 0 and signature.variadic is None):
        raise TypeError(name)
    further = [signature.variadic] * -missing
    made = []
    for parameter, value in zip((*signature.parameters, *further), arguments, strict=True):
        if parameter is None or (value is None and not parameter.nullable):
            raise TypeError(name)
        as_it_is = value.__class__ is parameter.exactly or parameter.type is ANY or not known(value)
        made.append(value if as_it_is else converted(value, parameter.type))
    return made
