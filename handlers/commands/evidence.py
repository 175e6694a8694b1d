"""/base and /record: what followed before, and what was said in advance; the two are never mixed."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from handlers.command import Deps, Refused, command
from handlers.language.kinds import REST, argument
from handlers.reply import Block, Button, Buttons, Line, Picture, Reply, Table, plain
from handlers.words import wording

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from signals.evidence import Case, Odds
    from storage.queries.evidence.past import Evidence
    from storage.queries.evidence.record import JudgedEntry

# What brings numpy along, or knows the metrics, is imported when a command runs.

_ROWS: Final = 30  # cases in the table, the newest


@dataclass(frozen=True, slots=True)
class OneRule:
    """Which alarm or setup, and of which asset, in any order."""

    what: str = argument(REST, default="", label="alarm and asset", offers="alarms")


@dataclass(frozen=True, slots=True)
class SomeRules:
    """Which alarm or setup, which asset; nothing means all of them."""

    what: str = argument(REST, default="", label="alarm and asset", offers="alarms")


@command(
    subject="judgement",
    example="/base price drawdown btc",
    draws=True,
    words="base rate, base rates, odds, what happened before, happens after, happened after, "
    "what followed, history of alarm, is it any good",
)
async def base(deps: Deps, args: OneRule) -> Reply:
    """Say what followed an alarm before, and on any day.

    Every case in all history that is stored, 30 days apart at least: what price did a day, 7 and 30 days after the
    first daily close that followed, how many rose, and how many days of any kind did. A picture shows every path.
    Most alarms turn out to be no better than any other day; they describe, and do not foretell.
    """
    from handlers.language.rules import one_rule  # noqa: PLC0415 - see above

    rule, asset = one_rule(args.what, deps, "base")
    return await evidence_of(deps, rule, asset)


async def evidence_of(deps: Deps, rule: str, asset: str, head: str | None = None) -> Reply:
    """Say what followed a rule before, and on any day. head: said first, in place of the rule's title."""
    from handlers.charts.evidence import paths  # noqa: PLC0415 - see above
    from storage.queries.evidence import past as evidence  # noqa: PLC0415 - see above

    found = await asyncio.to_thread(evidence.read, deps.store, rule, asset, deps.now) if deps.store.exists else None
    if found is None:
        raise _nothing_stored(rule, asset)
    lines = _said(found, head)
    drawn = await asyncio.to_thread(paths.spec, found)
    if drawn:
        reference = {"picture": paths.PAST, "rule": rule, "asset": asset, "until": deps.now.isoformat()}
        note = {"note": deps.stamp_note} if deps.stamp_note else {}
        lines.append(Picture(reference | note, drawn["alt"]))
    name = f"{rule} {asset.lower()}"
    lines.append(Buttons((Button("Record", f"/record {name}"), Button("Health", f"/health {asset.lower()}"))))
    return Reply(tuple(lines), plain(_values(found)), stamp=_stamp(found, deps))


@command(
    subject="judgement",
    example="/record",
    words="track record, what was said, were you right, how accurate, accurate, past alarms, how did alarms do, misses",
)
async def record(deps: Deps, args: SomeRules) -> Reply:
    """Say what was told, and what came of it, misses first.

    Every alarm is frozen as it begins, also one that a story takes in as a leg, and judged by the daily closes 1, 7
    and 30 days later. Nothing of it is ever changed, and an alarm whose lines were changed begins with an empty record.
    /record oi btc narrows it; perpulse record --json prints all of it, for anybody to check.
    """
    from handlers.language.rules import meant_rules  # noqa: PLC0415 - see above
    from handlers.words.evidence import record as words  # noqa: PLC0415 - see above
    from handlers.words.subscriptions import title  # noqa: PLC0415 - see above
    from storage.queries.evidence import record as query  # noqa: PLC0415 - see above

    meant = meant_rules(args.what, deps, "record")
    wanted = [(rule, asset) for rule in meant.alarms or (None,) for asset in meant.assets or (None,)]
    found = [await asyncio.to_thread(query.read, deps.store, rule, asset) for rule, asset in wanted]
    judged = sorted((one for of in found for one in of.judged), key=lambda one: (one.against_usual, one.entry.at))
    waiting = sorted((one for of in found for one in of.waiting), key=lambda one: one.entry.at, reverse=True)
    since = min((of.since for of in found if of.since), default=None)
    whole = query.RecordRead(tuple(judged), tuple(waiting), sum(of.earlier for of in found), since)
    whose = ", ".join([*(title(rule) for rule in meant.alarms or ()), *(meant.assets or ())]) or "The record"
    if not judged and not waiting and not whole.earlier:
        lines: list[Block] = [
            Line(f"{whose}: nothing was told yet." if whose != "The record" else "Nothing was told yet.", "headline"),
            Line("The record fills as alarms are told; what was found in hindsight is no part of it."),
            Line("What followed in the past is another matter: /base says that."),
        ]
        return Reply(tuple(lines), {"told": 0, "judged": 0, "missed": 0})
    lines = [Line(words.headline(whole, whose), "headline")]
    if judged:
        lines.append(Line(words.summary(whole)))
    lines += _listed(judged) + _listed(waiting)
    if whole.earlier:
        under = "was told under an earlier definition" if whole.earlier == 1 else "were told under earlier definitions"
        lines.append(Line(f"{whole.earlier} more {under}, and judged apart: perpulse record --json has them."))
    lines.append(Line("Frozen in advance, judged by daily closes, never changed. No score is given.", "caveat"))
    missed = sum(one.missed for one in judged)
    values = {"told": len(judged) + len(waiting), "judged": len(judged), "missed": missed, "earlier": whole.earlier}
    return Reply(tuple(lines), values)


def _listed(every: Sequence[JudgedEntry]) -> list[Block]:
    from handlers.words.evidence import record as words  # noqa: PLC0415 - see above

    more = len(every) - words.MOST
    lines: list[Block] = [Line(f"– {words.entry_line(one)}") for one in every[: words.MOST]]
    return [*lines, *([Line(f"– and {more} more")] if more > 0 else [])]


# --- what followed ----------------------------------------------------------------------------------------------------


def _nothing_stored(rule: str, asset: str) -> Refused:
    from handlers.words.subscriptions import title  # noqa: PLC0415 - see above
    from signals.alerts.rule import rule_of  # noqa: PLC0415 - see above
    from signals.metric import metrics  # noqa: PLC0415 - see above

    needs = [metrics()[name].title[:1].lower() + metrics()[name].title[1:] for name in rule_of(rule).metrics]
    return Refused(
        f"“{title(rule)}” could never be judged for {asset}: too little is stored of {wording.listing(needs)}. "
        f"Whoever runs this bot can bring years in with: perpulse backfill {asset}."
    )


def _said(found: Evidence, said: str | None) -> list[Block]:
    from handlers.words.evidence import odds as words  # noqa: PLC0415 - see above
    from handlers.words.subscriptions import title  # noqa: PLC0415 - see above
    from signals.inputs import MARKET  # noqa: PLC0415 - see above

    name, cases = title(found.rule.id), found.rate.cases
    whose = "" if found.asset == MARKET else f"{found.asset}, "
    of_price = f", and {found.price_of} after it" if found.asset == MARKET else ""
    head = said or f"{whose}{name[:1].lower() + name[1:] if whose else name}{of_price}: what followed before."
    span = f" since {found.since:%B %Y}"
    if not cases:
        lines: list[Block] = [Line(head, "headline"), Line(f"No case{span}: there is nothing to count.")]
        return [*lines, *_lacking(found)]
    lines = [
        Line(head, "headline"),
        Line(f"{wording.count(len(cases), 'case')}{span}, at least 30 days apart; counted from the next daily close."),
    ]
    odds = [found.odds(days) for days in found.rate.odds]
    if all(one.verdict == "too few" for one in odds):
        lines.append(Line("Too few cases for odds: here is what happened, and no rate is made of it."))
    else:
        lines += [Line(words.horizon_line(one)) for one in odds]
    if reach := _reach(cases):
        lines.append(Line(reach))
    lines.append(_table(cases))
    if len(cases) > _ROWS:
        lines.append(Line(f"and {len(cases) - _ROWS} earlier"))
    lines += _lacking(found)
    if any(one.verdict in {"more often", "less often"} for one in odds):
        lines.append(Line(_by_chance(), "caveat"))
    lines.append(
        Line("This is hindsight, by lines that were chosen later. What was said in advance: /record.", "caveat")
    )
    return lines


def _reach(cases: Sequence[Case]) -> str | None:
    """Say how far price went within the 30 days, in the middle case; nothing where too few of them are over."""
    from statistics import median  # noqa: PLC0415 - for this line alone

    from signals.evidence import TOO_FEW  # noqa: PLC0415 - see above

    worst = [case.worst for case in cases if not math.isnan(case.worst)]
    best = [case.best for case in cases if not math.isnan(case.best)]
    if len(worst) < TOO_FEW:
        return None
    fall, rise = wording.percent(100 * median(worst)), wording.percent(100 * median(best))
    return f"Within 30 days the middle case had its lowest close at {fall} and its highest at {rise}."


def _by_chance() -> str:
    from signals.alerts.rule import rules  # noqa: PLC0415 - see above

    return (
        f"{len(rules())} alarms are looked at here, each over three spans: by chance alone one in twenty "
        "leaves the any-day rate."
    )


def _lacking(found: Evidence) -> list[Block]:
    from signals.metric import metrics  # noqa: PLC0415 - see above

    without = found.odds(found.horizon).without
    if not without:
        return []
    names = wording.listing([metrics()[name].title[:1].lower() + metrics()[name].title[1:] for name in without])
    return [Line(f"For a part of that time nothing is stored of {names}.", "caveat")]


def _table(cases: Sequence[Case]) -> Table:
    rows = tuple(
        (
            _day(case.at),
            *(_bare(case.changes.get(days, math.nan)) for days in (1, 7, 30)),
            _bare(case.worst),
            _bare(case.best),
        )
        for case in reversed(cases[-_ROWS:])
    )
    return Table(("case, %", "1 d", "7 d", "30 d", "low", "high"), rows)


def _day(at: datetime) -> str:
    return f"{at.day} {at:%b %y}"


def _bare(change: float) -> str:
    return "–" if math.isnan(change) else wording.number(100 * change, 0 if abs(change) >= 0.0995 else 1, plus=True)


def _values(found: Evidence) -> Mapping[str, Any]:
    values: dict[str, Any] = {
        "rule": found.rule.id,
        "asset": found.asset,
        "cases": [case.at.isoformat().replace("+00:00", "Z") for case in found.rate.cases],
    }
    for days, odds in found.rate.odds.items():
        values |= {f"{name}_{days}d": value for name, value in _figures(odds).items()}
    return values


def _figures(odds: Odds) -> dict[str, Any]:
    names = ("n", "up", "median", "lower", "upper", "low", "high", "any_day", "verdict")
    return {name: getattr(odds, name) for name in names}


def _stamp(found: Evidence, deps: Deps) -> str:
    from signals.venues import venue_title  # noqa: PLC0415 - see above

    odds = found.odds(found.horizon)
    seen = ", then ".join(wording.listing([venue_title(venue) for venue in of]) for of in odds.venues)
    prices = ", then ".join(venue_title(venue) for venue in found.price_venues)
    parts = [f"seen on {seen}" if seen else "", f"{found.price_of} price on {prices}" if prices else ""]
    span = (found.rate.first, found.rate.last)
    if span[0] and span[1]:
        parts.append(f"{wording.day(span[0])} to {wording.day(span[1])}")
    return " · ".join(part for part in (*parts, deps.stamp_note or "") if part)
