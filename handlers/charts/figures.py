"""Numbers and spans of time as pictures and their words write them."""

from __future__ import annotations

import math
import unicodedata
from typing import TYPE_CHECKING

from handlers.words import wording
from signals.units import DAY_S, HOUR_S

if TYPE_CHECKING:
    from signals.metric import Unit


def say(value: float, unit: Unit) -> str:
    """Return a number with its unit as the messages write it; fractions are said in percent: 0.31 is 31.0 %."""
    words = _worded(value, unit, 0)
    small = value != 0 and not any(digit in words for digit in "123456789")
    return _worded(value, unit, 2 - math.floor(math.log10(abs(value)))) if small else words


def _worded(value: float, unit: Unit, digits: int) -> str:
    """Say a number with at least so many decimals: without them a tiny one would read as nothing."""
    match unit:
        case "usd":
            exact = f"{wording.MINUS if value < 0 else ''}${wording.number(abs(value), digits)}"
            words = exact if digits else wording.usd(value)
        case "price":
            words = f"${wording.price(value, 1 if value >= 1000 else None)}"
        case "coins":
            words = _scaled(value, 1 if abs(value) >= 1e6 else 0 if abs(value) >= 100 else 2 + digits)
        case "fraction" | "share" | "rank":
            words = wording.percent(value * 100, max(1, digits - 2), plus=False)
        case "apr":
            exact = f"{wording.percent(value * 100, max(0, digits - 2))} a year"
            words = exact if digits else wording.apr(value * 100)
        case "z":
            words = wording.number(value, max(2, digits), plus=True)
        case "rate" | "rate_8h":
            words = wording.rate(value, 8.0 if unit == "rate_8h" else None)
        case "ratio" | "times":
            words = wording.number(value, max(2, digits))
        case _:
            words = wording.number(value, digits)
    return words


def tick(value: float, unit: Unit, step: float) -> str:
    """Return a number for an axis or a line, with the decimals that a step of that size needs and no more."""
    match unit:
        case "usd":
            scale, name = _scale(value)
            digits = wording.number(abs(value) / scale, _decimals(step / scale))
            return f"{wording.MINUS if value < 0 else ''}${digits}{name}"
        case "price":
            return f"${wording.number(value, _decimals(step))}"
        case "coins":
            return _scaled(value, _decimals(step / _scale(value)[0]))
        case "fraction" | "share" | "rank" | "apr" | "rate" | "rate_8h":
            return wording.percent(value * 100, _decimals(step * 100), plus=False)
        case "z":
            return wording.number(value, _decimals(step), plus=True)
        case _:
            return wording.number(value, _decimals(step))


def strike_words(price: float) -> str:
    """Return a strike as short as it can be told: $100k, $92.5k, $150."""
    if price < 10_000:
        return f"${wording.price(price)}"
    thousands = price / 1000
    return f"${wording.number(thousands, 0 if thousands == round(thousands) else 1)}k"


def _scale(value: float) -> tuple[float, str]:
    """Return what a large number is counted in, and its name."""
    scales = ((1e12, "tn"), (1e9, "bn"), (1e6, "m"))
    return next((scale for scale in scales if abs(value) >= 0.9995 * scale[0]), (1.0, ""))


def _scaled(value: float, decimals: int) -> str:
    scale, name = _scale(value)
    return f"{wording.number(value / scale, decimals)}{name}"


def _decimals(step: float) -> int:
    return next((d for d in range(12) if math.isclose(round(step, d), step, rel_tol=1e-6)), 12)


def clean(text: str) -> str:
    """Return text without control and direction characters, emoji and the bitcoin sign, which fonts draw as boxes."""
    kept = "".join(c if c.isprintable() else " " for c in text if unicodedata.category(c) not in {"So", "Cf", "Cs"})
    return " ".join(kept.replace("\u20bf", "").split())


def span_words(seconds: float) -> str:
    """Say the length of a picture's window: 4 hours, 24 hours, 7 days, 1 year."""
    hours = max(1, round(seconds / HOUR_S))
    if hours < 47:
        return wording.count(hours, "hour")
    days = round(seconds / DAY_S)
    if 363 <= days <= 367:
        return "1 year"
    return wording.count(days, "day") if days < 400 else f"{days / 365.25:.1f} years"
