"""From what happened to what is told: an episode's transition becomes blocks, by templates and numbers only.

Order of a message: one plain headline, the evidence, what would make it wrong, the stamp. At most 900 characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from handlers.reply import Block, Button, Buttons, Line, Picture, from_json, to_json
from handlers.words import wording
from handlers.words.readings import coverage_words, derived_words
from signals.inputs import MARKET
from signals.venues import venue_credit
from storage.queries.readings import times_ago

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from signals.alerts.episodes import Transition
    from signals.metric import Metric, Watch
    from signals.series import Coverage

LONGEST = 900
_RANK_WORDS = {"notice": "a notice", "warning": "a warning", "critical": "critical"}


@dataclass(frozen=True, slots=True)
class Happening:
    """A transition with all that its message needs.

    step: distance of two closes it was judged at. venues: where the numbers come from. derived: inputs that were
    computed from others. offline: it happened while perpulse was not running. note: said in every stamp.
    came_and_went: it fired and ended while nobody could be told. coverage: of open interest, where there are several
    venues.
    """

    metric: Metric
    watch: Watch
    asset: str
    transition: Transition
    step: timedelta
    venues: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()
    offline: bool = False
    came_and_went: bool = False
    note: str | None = None
    coverage: Coverage | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A message as it is stored: blocks, and the one line that answers it when the episode is over."""

    blocks: tuple[Block, ...]
    reply: str | None = None
    alone: bool = False  # a resolution that is sent although its episode was never announced

    def to_json(self) -> dict[str, Any]:
        """Return plain data that `read` reads back equal."""
        return {"blocks": to_json(self.blocks), "reply": self.reply, "alone": self.alone}

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Told:
        """Read back what `to_json` wrote."""
        return cls(from_json(data["blocks"]), data.get("reply"), bool(data.get("alone")))


def words_of(happening: Happening) -> dict[str, Any]:
    """Return every value that the sentences of a watch may use."""
    transition = happening.transition
    return {
        **transition.values,
        **times_ago(transition.values, transition.at - (timedelta(0) if happening.metric.at_open else happening.step)),
        "asset": "the market" if happening.asset == MARKET else happening.asset,
        "at": transition.at,
        "since": transition.since,
        "duration": transition.at - transition.since,
    }


def tell(happening: Happening) -> Told:
    """Write the message."""
    values = words_of(happening)
    watch, transition = happening.watch, happening.transition
    resolved = transition.kind == "resolved"
    sentence = _capital(wording.template(watch.resolved if resolved else watch.headline, values))
    lines = [Line(_capital(_head(happening, sentence)), "headline")]
    if resolved:  # the headline above it names the asset; the reply, which stands alone, keeps it
        lines.append(Line(_capital(sentence.removeprefix(f"{happening.asset}: "))))
    if happening.offline:
        lines.append(Line(_offline(happening)))
    legs = [] if resolved else [text for leg in watch.legs if (text := _leg(leg, values))]
    lines += [Line(_capital(leg)) for leg in legs]
    if not resolved:
        lines.append(Line(wording.template(watch.counter, values), "caveat"))
    lines.append(Line(stamp(happening), "stamp"))
    what = f"{happening.metric.id} {happening.asset}".lower()
    buttons = Buttons((Button("Chart", f"/chart {what}"), Button("Health", f"/health {happening.asset.lower()}")))
    chart: dict[str, Any] = {
        "metric": happening.metric.id,
        "asset": happening.asset,
        "until": transition.at.isoformat(),
    }
    chart["days"] = _days_shown(happening.metric, transition.at - transition.since)
    if happening.note:
        chart["note"] = happening.note
    picture = Picture(chart, happening.metric.chart.title)
    return Told(
        (*_shortened(lines), picture, buttons),
        reply=sentence if resolved else None,
        alone=happening.came_and_went,
    )


def _head(happening: Happening, sentence: str) -> str:
    transition = happening.transition
    match transition.kind:
        case "fired":
            return sentence
        case "escalated":
            whose = f"{happening.asset}: "
            if not sentence.startswith(whose):
                return f"Now {_RANK_WORDS[transition.rank]}: {sentence}"
            return f"{happening.asset}, now {_RANK_WORDS[transition.rank]}: {sentence.removeprefix(whose)}"
        case "resolved":
            over = wording.duration(transition.at - transition.since)
            asset = "" if happening.asset == MARKET else f"{happening.asset}: "
            return f"{asset}over after {over}: {happening.watch.title[:1].lower()}{happening.watch.title[1:]}."


def _days_shown(metric: Metric, lasted: timedelta) -> float:
    """Return how many days the picture shows: three times what the value is about, and how it began; a year at most."""
    about = metric.chart.over or metric.window
    return min(365.0, round(max(3 * about, lasted + about) / timedelta(days=1), 2))


def stamp(happening: Happening) -> str:
    """Say where the numbers come from, of what time they are, and what must be known of them."""
    venues = ", ".join(venue_credit(venue) for venue in happening.venues)
    daily = happening.step.days >= 1 > happening.metric.step.days
    parts = [
        venues,
        _of(happening),
        coverage_words(happening.coverage) if happening.coverage else "",
        "daily data" if daily else "",
        derived_words(happening.derived),
        happening.note or "",
    ]
    return " · ".join(part for part in parts if part)


def _of(happening: Happening) -> str:
    """Say which close was judged. A day closes at the midnight that already bears the next date."""
    at = happening.transition.at
    if happening.metric.at_open:
        return f"of {wording.day(at)}"
    if happening.step.days >= 1:
        return f"daily close of {wording.day(at - happening.step)}"
    return f"close of {wording.day(at)}, {wording.clock(at)}"


def _leg(leg: str, values: Mapping[str, Any]) -> str | None:
    """Fill one line of evidence, sentence by sentence; a sentence whose number is not known is left out."""
    sentences = re.split(r"(?<=[.!?]) (?=[A-Z{])", leg)
    kept = [sentence for sentence in sentences if not _lacks(sentence, values)]
    return wording.template(" ".join(kept), values) if kept else None


def _lacks(sentence: str, values: Mapping[str, Any]) -> bool:
    for name in wording.template_fields(sentence):
        value = values.get(name)
        if value is None and name.endswith("_at"):
            return True
        if isinstance(value, float) and value != value:  # noqa: PLR0124 - the plain test for NaN
            return True
    return False


def _offline(happening: Happening) -> str:
    when = wording.clock(happening.transition.at, dated=True)
    if happening.came_and_went:
        since = wording.clock(happening.transition.since, dated=True)
        return f"This began on {since} and ended on {when}, while perpulse was not running."
    return f"This happened on {when}, while perpulse was not running."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _shortened(lines: list[Line]) -> list[Line]:
    """Drop evidence from its end until the message fits; headline, counter-reading and stamp always stay."""
    while sum(len(line.text) + 1 for line in lines) > LONGEST:
        body = [i for i, line in enumerate(lines) if line.role == "body"]
        if not body:
            break
        del lines[body[-1]]
    return lines


def expires_after(rank: str, kind: str) -> int:
    """Return after how many hours a notice is no news any more; it is then told as one line, never dropped silently."""
    if kind == "resolved":
        return 24
    return {"notice": 6, "warning": 12, "critical": 24}[rank]


def at_of(told: datetime) -> str:
    """Return a time as the outside interface writes it."""
    return told.isoformat().replace("+00:00", "Z")
