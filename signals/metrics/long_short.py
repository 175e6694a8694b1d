"""Longs to shorts, counted three ways that are never mixed: all accounts, top accounts, top positions.

    value = long accounts / short accounts          pct = share of the values of 365 d at or below it

The three ratios are the venue's own. The first counts heads, the second the heads of its largest accounts (Binance: the
top fifth by margin), the third their positions, and they part ways often. The derivatives guide (2026) reads one of
them without saying which (signals.md LS-1). Setups call from the 95th percentile on, or the 5th, crowded, until the
80th or 20th.

NaN handling: each of the three is known by itself; no percentile while under 2/3 of the year is known. Venues keep 30
days, the archive years.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.metric import Chart, Metric, Value
from signals.series import days, hours

if TYPE_CHECKING:
    from signals.series import Panel, Series

WINDOW = days(365)
KINDS = ("accounts", "top_accounts", "top_positions")


def compute(s: Panel) -> dict[str, Series]:
    """Return the three ratios, each with its percentile of a year; the first is the value."""
    found: dict[str, Series] = {"value": s["long_short_accounts"]}
    for kind in KINDS:
        ratio = s[f"long_short_{kind}"]
        found |= {kind: ratio, f"{kind}_pct": ratio.percentile(WINDOW)}
    found["long_share"] = found["accounts"] / (found["accounts"] + 1)
    known = found["accounts"].known(WINDOW) * (s.step / days(1))
    found["known_days"] = known.where(known > 0)
    found["change_24h"] = found["accounts"] / found["accounts"].lag(days(1)) - 1
    return found


METRIC = Metric(
    id="long_short",
    title="Longs to shorts",
    question="Do more accounts stand long or short, and is that unusual?",
    needs=tuple(f"long_short_{kind}" for kind in KINDS),
    step=hours(1),
    window=WINDOW,
    says="{long_share:part} of all accounts are long, {value:ratio} for each short.",
    chart=Chart(
        title="Long accounts for each short one",
        axis="ratio",
        over=days(7),
        unit="ratio",
        lines=(("as many", 1.0),),
    ),
    charts=(
        Chart(title="The same, top accounts", axis="ratio", value="top_accounts", unit="ratio"),
        Chart(title="Positions of top accounts, long to short", axis="ratio", value="top_positions", unit="ratio"),
    ),
    values={
        "value": Value("ratio", "long accounts for each short one"),
        "accounts": Value("ratio", "accounts long to short", "the same as the main value"),
        "accounts_pct": Value("rank", "rank of accounts long to short in a year", "hours at or below it"),
        "top_accounts": Value("ratio", "largest accounts long to short"),
        "top_accounts_pct": Value(
            "rank", "rank of the largest accounts long to short in a year", "hours at or below it"
        ),
        "top_positions": Value("ratio", "positions of the largest accounts long to short"),
        "top_positions_pct": Value(
            "rank", "rank of the positions of the largest accounts in a year", "hours at or below it"
        ),
        "long_share": Value("share", "share of long accounts", "of all that hold a position", usual=0.5),
        "change_24h": Value("fraction", "change of accounts long to short in 24 h", of="value", over=days(1)),
        "known_days": Value("days", "known part of a year of accounts long to short"),
    },
    running=True,
    tells_not="How large the positions are: an account counts once, and every contract has a long and a short.",
    compute=compute,
)
