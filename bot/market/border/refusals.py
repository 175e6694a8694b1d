"""What is said of a figure that the border kept out: words that follow its name."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.market.border.bounds import Why
    from bot.market.border.rows import Rejected


def said(rejected: Rejected) -> str:
    """Say why a figure was kept out, as "open_interest_coin" goes on: "is 1,000 times the last good value"."""
    return _SAID[rejected.why](rejected)


def times_said(times: float) -> str:
    """Say a factor, in whole numbers where it is large: "1,000 times", "0.5 times"."""
    return f"{times:,.0f} times" if times >= 100 else f"{times:.3g} times"


def _leap(rejected: Rejected) -> str:
    times = rejected.times
    if rejected.name == "funding_rate":
        return f"is {times:,.0f} times what was usual, and no other figure agrees with it"
    if times >= 10:
        return f"is {times:,.0f} times the last good value"
    if times <= 0.1:
        return "is a tiny part of the last good value"
    return f"is {times:.2g} times the last good value, and no other figure agrees with it"


def _switch(rejected: Rejected) -> str:
    since = f"{rejected.since:%Y-%m-%d %H:%M} UTC" if rejected.since else "some day"
    larger = rejected.times >= 1
    times = rejected.times if larger else 1 / rejected.times
    guess = ": percent instead of fractions?" if rejected.name == "funding_rate" and larger and 50 < times < 200 else ""
    guess = guess or ("; is that another unit?" if rejected.name != "funding_rate" else ": another unit?")
    return f"is in another unit: from {since} on they are {times:,.0f} times {'larger' if larger else 'smaller'}{guess}"


_SAID: Final[Mapping[Why, Callable[[Rejected], str]]] = MappingProxyType({
    "missing": lambda _: "is no number",
    "bound": lambda rejected: f"cannot be {rejected.value:g}",
    "interval": lambda rejected: f"cannot be {rejected.value:g}: venues settle every 1, 2, 4, 6 or 8 hours",
    "future": lambda _: "lies in the future (or this machine's clock is behind)",
    "shifted": lambda _: "came in an answer that reaches into the future",
    "order": lambda rejected: f"contradicts its bar: {rejected.value:.12g} is not between its low and its high",
    "buys": lambda rejected: f"is above the volume_usd of its bar: {rejected.value:.12g}",
    "traded": lambda _: "is more than was traded in its bar",
    "open": lambda _: "is more than all that was open",
    "leap": _leap,
    "scale": _leap,
    "switch": _switch,
    "past": lambda rejected: f"is {times_said(rejected.times)} what the same venue says live",
    "doubt": lambda rejected: f"is {times_said(rejected.times)} what the same venue says live, and is asked for again",
    "percent": lambda _: "is in another unit: no contract pays so much for so long; percent instead of fractions?",
})  # fmt: skip
