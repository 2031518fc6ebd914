"""Terraform's functions whose results follow from their arguments, and why the others are left out.

`TEXT` functions are called with plain arguments only, `STRUCTURE` functions also with collections that hold
unknown values and runtimes, which they hand on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from karma_core.inference import collection_functions, encoding_functions, text_functions
from karma_core.inference.conversion import ANY, Uncertain, Unconvertible, converted
from karma_core.inference.reading import MAX_TEXT
from karma_core.inference.signatures import SIGNATURES, taken
from karma_core.inference.values import Failure, Unknown, Value, known

TEXT: Final[dict[str, Callable[..., Value]]] = {
    **text_functions.FUNCTIONS,
    **encoding_functions.FUNCTIONS,
    **collection_functions.KNOWN,
}
STRUCTURE: Final = collection_functions.STRUCTURE
BY_THE_EVALUATION: Final = frozenset(
    {"file", "filebase64sha256", "filemd5", "filesha1", "filesha256", "filesha512", "templatefile"}
    | {"can", "jsondecode", "jsonencode", "lookup", "nonsensitive", "sensitive", "try"}
)
"""Functions that look at more than the values of their arguments (`calls`)."""
_OF_FILES: Final = "of files only short texts are kept with a module's facts"
LEFT_OUT: Final = {
    "abspath": "a path of the machine on which Terraform runs",
    "base64gzip": "the bytes are those of Go's own compression",
    "bcrypt": "another result each time",
    "ephemeralasnull": "whether a value is ephemeral is not followed",
    "filebase64": _OF_FILES,
    "filebase64sha512": _OF_FILES,
    "fileexists": _OF_FILES,
    "fileset": _OF_FILES,
    "formatdate": "times name nothing that is looked up",
    "issensitive": "whether a value is sensitive is not followed",
    "log": "floating point of the machine",
    "pathexpand": "a path of the machine on which Terraform runs",
    "plantimestamp": "another result each time",
    "pow": "floating point of the machine",
    "rsadecrypt": "a private key is needed",
    "templatestring": "a template that is made of values is not read",
    "textdecodebase64": "tables of encodings are not kept",
    "textencodebase64": "tables of encodings are not kept",
    "timeadd": "times name nothing that is looked up",
    "timecmp": "times name nothing that is looked up",
    "timestamp": "another result each time",
    "uuid": "another result each time",
    "yamldecode": "readers of YAML differ in what a plain word means",
    "yamlencode": "writers of YAML differ in how they quote",
}
"""Terraform's functions that are not computed, with the reason: their result is unknown."""


def call(
    function: Callable[..., Value], name: str, arguments: Sequence[Value], *, exactly: bool = False
) -> Value:
    """The function's value; Failure where Terraform would stop, Unknown where this does not compute it.

    `exactly`: the arguments are known to be of the function's own classes.
    """
    signature = SIGNATURES[name]
    try:
        if exactly or signature.classes == tuple(map(type, arguments)):  # often
            made = function(*arguments)
        else:
            made = function(*taken(name, arguments))
        if signature.result is not ANY and all(map(known, arguments)):
            made = converted(made, signature.result)
    except Uncertain:
        return Unknown(f"{name}() is not computed for these arguments")
    except (
        TypeError,
        ValueError,
        LookupError,
        AttributeError,
        ArithmeticError,
        Unconvertible,
        StopIteration,
    ):
        return Failure(f"{name}() fails on these arguments")
    if isinstance(made, str) and len(made) > MAX_TEXT:
        return Unknown(f"{name}() makes a text longer than {MAX_TEXT:,} characters")
    return made
