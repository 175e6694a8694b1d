"""What of a day comes first, and which day is a quiet one."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from signals.digest import (
    Alarm,
    Digest,
    Expiry,
    FundingDue,
    HeldBack,
    Near,
    Said,
    Silence,
    Yours,
    from_json,
    misses_first,
)
from signals.unusual import FigureChange, against

NOW = datetime(2026, 11, 29, 8, tzinfo=UTC)
PRICE = FigureChange("BTC", "price", 80_000.0, -0.05)
USUAL = [0.01, -0.01, 0.02, -0.03] * 45  # 180 changes, the median of their sizes is 0.015


CALM = against(replace(PRICE, change=0.01), USUAL)
ALARM = Alarm("oi_zscore", "BTC", "warning", NOW - timedelta(hours=3))
BEFORE = Digest(kind="daily", since=NOW - timedelta(days=1), until=NOW, prices=(CALM,), changes=(CALM,))


@pytest.mark.parametrize(
    ("what", "quiet"),
    [
        pytest.param({}, True, id="nothing happened"),
        pytest.param({"on": 5, "oldest": ALARM}, True, id="what goes on is no news"),
        pytest.param({"near": (Near("funding_apr", "BTC", 0.28, 0.3),)}, True, id="near is not there yet"),
        pytest.param({"yours": (Yours("BTC", "long", 1, 0.30, 0.31),)}, True, id="a position far away"),
        pytest.param({"settlement": FundingDue("BTC", "long", 1, NOW, 3.0)}, True, id="funding comes every day"),
        pytest.param({"yours": (Yours("BTC", "long", 1, 0.09, 0.09),)}, False, id="a position near liquidation"),
        pytest.param({"yours": (Yours("BTC", "long", 1, 0.20, 0.30),)}, False, id="a position that came much nearer"),
        pytest.param({"changes": (against(PRICE, USUAL),)}, False, id="an unusual change"),
        pytest.param({"began": (ALARM,)}, False, id="an alarm began"),
        pytest.param({"over": (ALARM,)}, False, id="an alarm ended"),
        pytest.param({"silent": (Silence("okx", NOW, None),)}, False, id="a source was silent"),
        pytest.param({"held": HeldBack(quiet=1)}, False, id="something was held back"),
        pytest.param({"expiry": Expiry("deribit", "BTC", NOW, 2e4, 0.2, 8e4)}, False, id="options expire"),
        pytest.param({"prices": (CALM, replace(PRICE, rare=None))}, False, id="what is usual is not known"),
        pytest.param({"prices": ()}, False, id="no price at all"),
        pytest.param({"prices": (replace(CALM, rare=17),)}, False, id="price moved as on one day in ten"),
        pytest.param({"prices": (replace(CALM, rare=17, change=0.001),)}, True, id="as seldom, of a price that stands"),
        pytest.param({"prices": (replace(CALM, rare=18),)}, True, id="price moved as on a day of which there are more"),
    ],
)
def test_which_day_is_quiet(what: dict[str, object], quiet: bool) -> None:
    assert replace(BEFORE, **what).quiet is quiet  # type: ignore[arg-type]


def test_what_came_to_nothing_is_said_first() -> None:
    said = [
        Said("a", "BTC", NOW, 0.12, 0.04, None),
        Said("b", "BTC", NOW, -0.001, 0.04, 7),
        Said("c", "BTC", NOW, 0.01, 0.0, None),
        Said("d", "BTC", NOW, -0.04, 0.04, None),
    ]
    assert [one.rule for one in misses_first(said)] == ["b", "d", "a", "c"]
    assert [one.missed for one in said] == [False, True, False, False]


def test_it_comes_back_from_the_outbox_as_it_was_written() -> None:
    full = replace(
        BEFORE,
        due=NOW,
        changes=(against(PRICE, USUAL), FigureChange("ETH", "funding", 0.1, 0.02)),
        began=(ALARM,),
        over=(replace(ALARM, ended=NOW, move=-0.06),),
        on=2,
        oldest=ALARM,
        near=(Near("funding_apr", "BTC", 0.28, 0.3),),
        yours=(Yours("BTC", "long", None, 0.033, None),),
        expiry=Expiry("deribit", "BTC", NOW, 21_000.0, 0.2, 80_000.0),
        settlement=FundingDue("BTC", "long", 1, NOW, -12.0),
        held=HeldBack(1, 2, 3),
        silent=(Silence("okx", NOW, None),),
        said=(Said("burst", "BTC", NOW, -0.03, 0.05, None, -0.06),),
    )
    stored = json.loads(json.dumps(full.to_json()))
    assert from_json(stored) == full
    stored["began"][0]["later_field"] = stored["later_field"] = 1
    del stored["said"], stored["changes"][0]["at_least"]
    assert from_json(stored) == replace(full, said=())
