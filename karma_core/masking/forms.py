"""The forms in which a secret can stand in a text: as it is, escaped, in another case, encoded.

| form | how it is looked for |
|---|---|
| verbatim, escaped for JSON, a URL or HTML, also twice | each character in any of its spellings |
| in another case | in the text in lower case |
| hexadecimal | its digits |
| base64, also within a longer text | what the secret alone decides, at each of the three alignments |

Encodings are looked for of the secret as it is, in upper and in lower case.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Final

_RUN: Final = re.compile(r"[0-9A-Za-z]+")
_ALIGNMENTS: Final = ((0, 0), (1, 2), (2, 3))
"""(bytes before the secret, leading digits of base64 that they have a part in)."""
_BITS: Final = 6
"""Of one digit of base64."""
_AROUND: Final = r"[0-9A-Za-z+/_-]?"
"""A digit of base64 that holds some of the secret's bits, beside what the secret alone decides."""


@dataclass(frozen=True)
class Form:
    """One form of a secret.

    `anchor` is a part that stands in every text that has the form: looking for it first is fast, and enough
    nearly always. `folded`: it is looked for in the text in lower case.
    """

    anchor: str
    expression: str
    folded: bool = False

    def occurs(self, text: str, folded: str) -> bool:
        """Whether the form stands in a text; `folded` is the text as `fold` gives it."""
        looked_in = folded if self.folded else text
        return self.anchor in looked_in and self.pattern.search(looked_in) is not None

    def spans(self, text: str, folded: str) -> Iterator[tuple[int, int]]:
        """(start, end) of each place in the text."""
        looked_in = folded if self.folded else text
        if self.anchor in looked_in:
            yield from (match.span() for match in self.pattern.finditer(looked_in))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The compiled expression, made when its anchor was found for the first time."""
        return re.compile(self.expression)


def fold(text: str) -> str:
    """The text in lower case, character by character, so that positions stay."""
    folded = text.lower()
    if len(folded) != len(text):  # "İ" becomes two characters
        folded = "".join(low if len(low := one.lower()) == 1 else one for one in text)
    return folded.replace("\N{GREEK SMALL LETTER FINAL SIGMA}", "\N{GREEK SMALL LETTER SIGMA}")


def forms_of(secret: str, searchable: Callable[[str], bool]) -> Iterator[Form]:
    """Every form of one secret, and of each line of it that is searchable."""
    lines = [line.strip() for line in secret.splitlines()]
    for text in dict.fromkeys((secret, secret.strip(), *filter(searchable, lines))):
        yield from _forms_of_text(text)


def _forms_of_text(text: str) -> Iterator[Form]:
    folded = fold(text)
    yield Form(anchor=_longest_run(folded), expression=_in_any_spelling(folded), folded=True)
    for variant in dict.fromkeys((text, text.lower(), text.upper())):
        raw = variant.encode("utf-8", "surrogatepass")
        yield Form(anchor=raw.hex(), expression=raw.hex(), folded=True)
        for before, skipped in _ALIGNMENTS:
            encoded = base64.b64encode(b"\0" * before + raw).decode()
            core = encoded[skipped : (before + len(raw)) * 8 // _BITS]
            yield Form(anchor=_longest_run(core), expression=_base64_expression(core))


def _longest_run(text: str) -> str:
    """The longest run of ASCII letters and digits: every spelling keeps them."""
    return max(_RUN.findall(text), key=len, default="")


def _base64_expression(core: str) -> str:
    """Base64 in both alphabets, `/` also escaped, with the digits that hold a part of the secret."""
    spelt = re.sub(r"[+/]", lambda match: _PLUS if match[0] == "+" else _SLASH, core)
    return f"{_AROUND}{spelt}{_AROUND}=?=?"


_PLUS: Final = r"(?:[+-]|%2[bB]|\\u002[bB])"
_SLASH: Final = r"(?:\\?/|_|%2[fF])"
_SPELT: Final = {
    "\n": r"\\{1,8}n|\r?\n",
    "\r": r"\\{1,8}r|\r",
    "\t": r"\\{1,8}t|\t",
    "\b": r"\\{1,8}b|\x08",
    "\f": r"\\{1,8}f|\x0c",
    " ": r" |\+|\r?\n(?:\u2502 )?[ \t]*",  # Terraform folds errors, in a box where it has colours
    "\N{LATIN SMALL LETTER SHARP S}": "\N{LATIN SMALL LETTER SHARP S}|ss",
}
"""Characters with a spelling of their own; the value in lower case, as an expression."""


def _in_any_spelling(folded: str) -> str:
    """An expression for a text in lower case with each character verbatim or escaped."""
    pieces = []
    for match in re.finditer(r"\\+|[0-9a-z]+|.", folded, re.DOTALL):
        piece = match[0]
        if piece[0] == "\\":
            pieces.append(rf"(?:\\|%(?:25)*5c|u005c){{{len(piece)},{8 * len(piece)}}}")
        elif piece.isascii() and piece.isalnum():
            pieces.append(piece)
        else:
            pieces.append(f"(?:{_spellings(piece)})")
    return "".join(pieces)


def _spellings(character: str) -> str:
    """One character that is neither an ASCII letter nor a digit: verbatim, or escaped in any way."""
    upper = character.upper()
    cases = dict.fromkeys((character, upper if len(upper) == 1 else character))
    own = _SPELT.get(character, rf"\\{{0,8}}{re.escape(character)}")
    entities = (escape(character).lower(), f"&#{ord(character)};", f"&#x{ord(character):x};")
    html = [re.escape(entity) for entity in dict.fromkeys(entities) if entity != character]
    return "|".join([own, *map(_json_escape, cases), *map(_percent_escape, cases), *html])


def _json_escape(character: str) -> str:
    """A backslash and `u00e9`, as two units where UTF-16 has two."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(rf"\\{{1,8}}u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _percent_escape(character: str) -> str:
    """`%c3%a9`, also where the percent signs were escaped once more."""
    raw = character.encode("utf-8", "surrogatepass")
    return "".join(f"%(?:25)*{byte:02x}" for byte in raw)
