"""Terraform's numbers: binary floating point of 512 bits (cty), here as whole numbers and fractions.

A value is an int, or a Fraction with the very bits that Terraform has; a float comes from a JSON text and is
read as Terraform reads its digits. Where Terraform's own rounding depends on how a number came about, the
result is None: it is not computed here.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Final, TypeAlias

Number: TypeAlias = int | Fraction

_BITS: Final = 512
"""Precision of a number that was parsed (cty: ParseNumberVal)."""
_SAFE: Final = 2**63
"""Larger results may be rounded: numbers that Terraform counted itself have 64 bits."""
_MAX_EXPONENT: Final = 400
"""Decimal exponents beyond it are not computed. Ours: Terraform itself prints such a number in full."""
_MAX_DIGITS: Final = 160
"""Digits that tell any two numbers of 512 bits apart, and a few more."""


def parsed(text: str) -> Number | None:
    """The number that the digits are, as Terraform holds it; None for an exponent beyond all use."""
    decimal = Decimal(text)
    exponent = decimal.as_tuple().exponent
    if (
        not isinstance(exponent, int)
        or abs(decimal.adjusted()) > _MAX_EXPONENT
        or abs(exponent) > _MAX_EXPONENT
    ):
        return None
    return _plain(rounded(Fraction(decimal)))


def exact(value: float | Fraction | Decimal) -> Number:
    """A value that was read from JSON, as Terraform holds it."""
    if isinstance(value, Decimal):
        value = rounded(Fraction(value))
    if isinstance(value, float):
        value = rounded(Fraction(repr(value)))
    return _plain(value) if isinstance(value, Fraction) else value


def rounded(value: Fraction) -> Fraction:
    """The nearest number of 512 bits, ties to even."""
    if value == 0:
        return value
    numerator, denominator = abs(value.numerator), value.denominator
    shift = numerator.bit_length() - denominator.bit_length() - _BITS
    scaled = Fraction(numerator, denominator) / Fraction(2) ** shift
    if scaled >= 2**_BITS:
        shift, scaled = shift + 1, scaled / 2
    elif scaled < 2 ** (_BITS - 1):
        shift, scaled = shift - 1, scaled * 2
    made = round(scaled) * Fraction(2) ** shift
    return made if value > 0 else -made


def text(value: float | Fraction | Decimal) -> str:
    """The shortest digits that give the number again, never with an exponent."""
    number = exact(value)
    if isinstance(number, int):
        return str(number)
    for digits in range(1, _MAX_DIGITS):
        decimal = _decimal(number, digits)
        if rounded(Fraction(decimal)) == number:
            return _plain_text(decimal)
    return _plain_text(_decimal(number, _MAX_DIGITS))


def _plain_text(decimal: Decimal) -> str:
    written = format(decimal, "f")
    return written.rstrip("0").rstrip(".") if "." in written else written


def calculated(operator: str, left: Number, right: Number) -> Number | None:
    """`+ - * / %` as Terraform computes it. None where its rounding is not known here."""
    if operator == "/":
        return _quotient(Fraction(left), Fraction(right))
    if operator == "%":
        return _remainder(left, right)
    one, other = Fraction(left), Fraction(right)
    if operator == "*" and min(one, other) < 0 and 0 in (one, other):
        return None  # a zero, which has two signs
    made = one + other if operator == "+" else one - other if operator == "-" else one * other
    return _plain(rounded(made)) if abs(made) < _SAFE else None


def _quotient(one: Fraction, other: Fraction) -> Number | None:
    """Exact, or nothing: of 0 there is an infinity, or a zero of either sign."""
    if other == 0 or (one == 0 and other < 0):
        return None
    made = one / other
    exactly = rounded(made) == made and made.numerator.bit_length() <= _SAFE.bit_length()
    return _plain(made) if exactly else None


def _remainder(left: Number, right: Number) -> Number | None:
    """Of a division towards 0; of one by 0 the number itself (cty: Modulo)."""
    if right == 0:
        return left
    if not isinstance(left, int) or not isinstance(right, int):
        return None
    made = left - right * int(Fraction(left, right))
    return made if made or min(left, right) >= 0 else None


def _plain(value: Fraction) -> Number:
    return value.numerator if value.denominator == 1 else value


def _decimal(value: Fraction, digits: int) -> Decimal:
    """The value rounded to this many significant digits, half to even."""
    magnitude = Decimal(value.numerator).adjusted() - Decimal(value.denominator).adjusted()
    for leading in (magnitude - 1, magnitude, magnitude + 1):
        scale = digits - 1 - leading
        whole = round(abs(value) * Fraction(10) ** scale)
        if len(str(whole)) <= digits or (len(str(whole)) == digits + 1 and leading == magnitude + 1):
            sign = 1 if value < 0 else 0
            return Decimal((sign, tuple(map(int, str(whole))), -scale))
    raise ValueError(value)
