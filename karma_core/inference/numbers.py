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


def exact(value: float | Fraction) -> Number:
    """A value that was read from JSON, as Terraform holds it."""
    if isinstance(value, float):
        return _plain(rounded(Fraction(repr(value))))
    return value


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


def text(value: float | Fraction) -> str:
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
    """`+ - * / %` as Terraform computes it; ZeroDivisionError. None where its rounding is not known here."""
    one, other = Fraction(left), Fraction(right)
    if operator == "%":
        made = one - other * int(one / other)
        return _plain(made)
    made = one + other if operator == "+" else one - other if operator == "-" else one * other
    if operator == "/":
        made = one / other
        if rounded(made) != made or made.numerator.bit_length() > _SAFE.bit_length():
            return None
    result = _plain(rounded(made))
    return result if abs(made) < _SAFE else None


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
