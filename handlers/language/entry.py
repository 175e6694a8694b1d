"""The entry of a position beside the price that is known: that price where none was typed, and doubts about one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from handlers.command import MissingValue, Refused
from handlers.language.kinds import NOW
from handlers.words import wording
from signals.language.spelling import plainly, sentence_case
from storage.engine.database import StoreError

if TYPE_CHECKING:
    from handlers.command import Deps
    from signals.assets import Instrument
    from storage.queries.market.mark import MarkNow

UntypedPrice: TypeAlias = Literal["entry price", "exit price"]
_QUESTIONS: Final[dict[UntypedPrice, str]] = {
    "entry price": "At which price did you enter?",
    "exit price": "At which price is it closed?",
}
_SLIPS: Final = (1_000.0, 0.001, 10.0, 0.1, 100.0, 0.01)  # 95 for 95k, 1,234 for 1.234, a zero too few or too many
_NEAR: Final = 1.5  # a slip lands this near the price; thousands are nobody's old entry, so they may land farther off
_NEAR_THOUSANDS: Final = 3.0
_USUAL_COIN: Final = "BTC"  # which a line is of that names none
_USUAL_PRICE: Final = 95_000.0
_ANY_PRICE: Final = 1.25  # of a coin whose price is not known
_ANOTHER_COIN: Final = 50.0  # times off: the price of something else


def mark_of(deps: Deps, instrument: Instrument) -> MarkNow | None:
    """Return the newest price of a contract's coin in the contract's own packs; None where none is known."""
    if not deps.store.exists:
        return None
    from storage.queries.market.mark import MarkNow, newest_mark  # noqa: PLC0415 - opens the database, if there is one

    if seen := deps.glances.get(instrument.asset):
        return MarkNow(seen.asset, seen.price * instrument.multiplier, seen.at, outdated=False, current=True)
    try:
        found = newest_mark(deps.store, instrument.asset, deps.now)
    except StoreError:
        return None  # a calculator answers without a database too; /status says what is wrong with it
    return found and replace(found, value=found.value * instrument.multiplier)


def price_now(
    deps: Deps, mark: MarkNow | None, instrument: Instrument, *, missing: UntypedPrice, example: str
) -> float:
    """Return the price that stands for one that was not typed. Refused where none is known, or an old one only.

    example: see example_with.
    """
    if mark is not None and mark.current:
        return mark.value
    unit = instrument.unit
    known = f"no price of {unit} is stored here"
    if mark is not None:
        known = f"the last stored price of {unit} is from {wording.clock(mark.at, deps.zone, dated=True)}"
    question = _QUESTIONS[missing]
    wanted = MissingValue(f"{question} {sentence_case(known)}.", shape=f"{missing.partition(' ')[0]} {{}}")
    text = f"The {missing} is missing, and {known}. Type it like {example_with(example, instrument, mark)}."
    raise not_known(deps, instrument.asset, text, wanted)


def example_with(example: str, instrument: Instrument, mark: MarkNow | None) -> str:
    """Return an example for a coin, which names it, with prices near its own: {now}, and {above} and {below} it."""
    usual = instrument.asset == _USUAL_COIN
    now = mark.value if mark else _USUAL_PRICE if usual else _ANY_PRICE
    prices = {"now": now, "above": now * 1.05, "below": now * 0.98}
    coin = "" if usual else f" {instrument.unit.lower()}"
    return example.format(**{name: plainly(value, 5) for name, value in prices.items()}) + coin


def not_known(deps: Deps, asset: str, text: str, wanted: MissingValue | None = None) -> Refused:
    """Return the refusal of what cannot be told without a figure of an asset that is missing; the venues may know it.

    A calculator alone touches neither file nor network, so where nothing is stored nobody is asked.
    """
    if not deps.store.exists:
        return Refused(text, wanted=wanted)
    if asset in deps.assets:
        return Refused(text, outdated=(asset,), wanted=wanted)
    return Refused(text, unfollowed=asset, wanted=wanted)


def is_now(price: float | None) -> bool:
    """Tell whether a price was left out, or typed as now."""
    return price is None or price == NOW


def ask_about_slip(price: float, mark: MarkNow | None, *, unit: str, named: bool, meant: str, kept: str) -> None:
    """Ask about a price that is a power of ten away from the known one, or of another coin altogether.

    named: the coin was. meant: what to type for the price that was probably meant, with {} in its place. kept: what to
    type where it was meant as it stands.
    """
    if mark is None:
        return
    here = f"The last stored price of {unit} is {wording.price(mark.value)}."
    for factor in _SLIPS:
        near = _NEAR_THOUSANDS if factor in (1_000.0, 0.001) else _NEAR
        probably = price * factor
        if mark.value / near < probably < mark.value * near:
            raise Refused(
                f"Did you mean {wording.price(probably)}? {here} "
                f"Type {meant.format(f'{probably:.10g}')}, or keep {wording.price(price)} with {kept}."
            )
    if not named and not mark.value / _ANOTHER_COIN < price < mark.value * _ANOTHER_COIN:
        typed = meant.format(f"{price:.10g}")
        raise Refused(f"Of which coin is {wording.price(price)} the price? {here} Name it too, like {typed} xrp.")
