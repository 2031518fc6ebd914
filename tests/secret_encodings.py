"""Twelve secrets and the ten encodings in which each is looked for, shared by the canary suites."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from urllib.parse import quote, quote_plus

SECRETS: Final = (
    "Tr0ub4dor&3zebra",
    "kiwi7q",
    'pa"ss\\w0rd-Lynx',
    "pl\u00e4tz\u00dfchen-\u00c9t\u00e9-42",
    "correct horse battery staple",
    "AKIAIOSFODNN7QUAGGA",
    "wJalrXUtnFEMI/K7MDENG+bPxRfiCYokapi",
    "postgres://svc:Fj0rd%21@db/x?y=<1>",
    "okapi-line-one\nokapi-line-two\n",
    "eyJhbGciOi.eyJzdWIiOiJ0YXBpciJ9.s1g-N_a",
    "8675309404",
    "\u5bc6\u7801\u718a\u732b-wombat\U0001f43c",
)
"""Passwords with every awkward character, keys, a URL, a token, a number, several lines, other scripts."""


def _base64(before: bytes) -> Callable[[str], str]:
    return lambda secret: base64.b64encode(before + secret.encode() + b"-after").decode()


ENCODINGS: Final[dict[str, Callable[[str], str]]] = {
    "verbatim": str,
    "json": lambda secret: json.dumps(secret)[1:-1],
    "json twice": lambda secret: json.dumps(json.dumps(secret, ensure_ascii=False))[1:-1],
    "url": lambda secret: quote(secret, safe=""),
    "form": quote_plus,
    "base64, aligned": _base64(b""),
    "base64, one before": _base64(b"u"),
    "base64url, two before": lambda secret: base64.urlsafe_b64encode(b"u:" + secret.encode()).decode(),
    "hex": lambda secret: secret.encode().hex(),
    "upper case": str.upper,
}
ENCODED: Final = {
    f"{name} of {at}": encode(s) for name, encode in ENCODINGS.items() for at, s in enumerate(SECRETS)
}


def forms(texts: Iterable[str]) -> dict[bytes, str]:
    """Each text as it may be written (in JSON, HTML, a URL) → what it is."""
    every: dict[bytes, str] = {}
    for text in texts:
        spelt = (text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], html.escape(text))
        go = spelt[2].replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
        for form in (*spelt, go, quote(text, safe=""), html.escape(spelt[1]), html.escape(spelt[2])):
            every[form.encode()] = text
    return every


def standing_in(content: bytes, canaries: Mapping[bytes, str]) -> list[str]:
    """The canaries that stand in a content, also where it is broken over lines; `canaries` are of `forms`."""
    unfolded = b" ".join(content.split())
    return sorted(
        {text for form, text in canaries.items() if form in content or b" ".join(form.split()) in unfolded}
    )
