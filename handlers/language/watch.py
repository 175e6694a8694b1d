"""What was typed behind /watch: a position in the words of /liq or an address, with own lines and a name."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from handlers.command import MissingValue, Refused
from handlers.language.entry import mark_of
from handlers.language.position import ASK_LEVERAGE, ASK_SIDE, contract_name, instrument_of, typed
from handlers.language.refusals import refused
from handlers.language.spelling import shown, symbol
from handlers.words import wording
from handlers.words.positions import shown as words
from signals.assets import Instrument
from signals.language.spelling import plainly
from signals.liquidation import LiquidationError, quote
from signals.liquidation.watching import MOST_LINES, Holding
from signals.venues import of_accounts

if TYPE_CHECKING:
    from collections.abc import Collection

    from handlers.command import Deps
    from handlers.language.position import LiqArgs, PositionQuestion
    from signals.liquidation import LiquidationAnswer
    from signals.liquidation.events import PositionNow
    from storage.people.positions import WatchedPosition

LONGEST_NAME = 24
EXAMPLE = "/watch btc long 95000 25x 0.5btc bybit"
CHANGE = "/watch 2 margin +500"
_ADDRESS = re.compile(r"0x[0-9a-f]{40}", re.IGNORECASE)
_NUMBER = re.compile(r"#?(\d{1,3})[.)]?$")
_SIGNS = frozenset("+-−–—")
_SIGNED = re.compile(r"[+\-−–—]")
_USUAL_LINES = frozenset(("usual", "default"))
_NO_NAME = frozenset(("none", "off"))
_PERCENT = re.compile(r"\d{1,2}(?:[.,]\d{1,2})?")


@dataclass(frozen=True, slots=True)
class WatchRequest:
    """What was typed behind /watch, taken apart. lines: own ones as fractions, empty where none were said.

    usual: the usual lines, in the place of own ones. unnamed: the name is taken away. number, asset: what is watched
    already and is to be changed. margin: what is added, as typed with its sign. keep: it is still open, whatever was
    said of it.
    """

    rest: str
    address: str | None
    lines: tuple[float, ...]
    name: str | None
    margin: str = ""
    keep: bool = False
    number: int | None = None
    asset: str | None = None
    usual: bool = False
    unnamed: bool = False

    @property
    def changes(self) -> bool:
        """Tell whether something is said that can be changed of what is watched already."""
        return bool(self.lines or self.usual or self.name or self.unnamed or self.margin or self.keep)

    @property
    def of_known(self) -> bool:
        """Tell whether something that is watched already is to be changed."""
        return self.number is not None or self.asset is not None


def take_apart(text: str, assets: Collection[str] = ()) -> WatchRequest:
    """Take own lines, a name, changes and an address out of what was typed; the rest is a position as for /liq.

    A number that stands alone is that of a position in /positions; an asset beside lines or a name is its position.
    """
    chunks = text.split()
    request = WatchRequest("", None, (), None)
    rest: list[str] = []
    while chunks:
        chunk = chunks.pop(0)
        lower = chunk.lower().rstrip(":")
        if lower in ("line", "lines"):
            usual = bool(chunks) and chunks[0].lower() in _USUAL_LINES
            request = replace(request, usual=usual, lines=() if usual else _lines(chunks))
            chunks = chunks[1:] if usual else chunks
        elif lower in ("name", "note"):
            name = _name(chunks)
            unnamed = name.lower() in _NO_NAME
            request = replace(request, unnamed=unnamed, name=None if unnamed else name)
        elif lower == "keep":
            request = replace(request, keep=True)
        elif lower == "margin" and (_sign_follows(chunks) or (len(rest) == 1 and _NUMBER.match(rest[0]))):
            request = replace(request, margin=_amount(chunks))
        elif lower.startswith("0x"):
            request = replace(request, address=_address(chunk))
        else:
            rest.append(chunk)
    return _whole(request, rest, assets)


def _whole(request: WatchRequest, rest: list[str], assets: Collection[str]) -> WatchRequest:
    """Say what the rest is: a position, or what stands for one that is watched. Refused where it is neither."""
    if request.address and rest:
        raise Refused(f"I do not know what “{shown(rest[0])}” is for. With an address type lines and a name only.")
    if not request.address and not rest:
        text = f"What is to be watched? Type a position like {EXAMPLE}, or a {of_accounts().title} address."
        raise Refused(text, wanted=MissingValue(text, several=True))
    if len(rest) == 1:
        if number := _NUMBER.match(rest[0]):
            request = replace(request, number=int(number[1]))
        elif request.changes and (read := symbol(rest[0], assets)):
            request = replace(request, asset=read.asset)
    if (request.margin or request.keep) and not request.of_known:
        raise Refused(f"That is for what you watch already, by its number in /positions. Type it like {CHANGE}.")
    return replace(request, rest=" ".join(rest))


def _address(chunk: str) -> str:
    if not _ADDRESS.fullmatch(chunk):
        raise Refused("An address is 0x and 40 characters of 0–9 and a–f. Copy it whole, like /watch 0x….")
    return chunk.lower()


def _sign_follows(chunks: list[str]) -> bool:
    return bool(chunks and _SIGNED.match(chunks[0]))


def _amount(chunks: list[str]) -> str:
    """Take the amount behind the word `margin`: +500, + 500, −0.01 btc."""
    sign = ""
    if chunks and chunks[0] in _SIGNS:
        sign = chunks.pop(0)
    if not chunks:
        raise Refused(f"How much margin? Type it like {CHANGE}, with a minus to take some out.")
    text = sign + chunks.pop(0)
    if chunks and text[-1:].isdigit() and re.fullmatch(r"[A-Za-z$]{1,10}", chunks[0]) and not _is_word(chunks[0]):
        text += chunks.pop(0)
    return re.sub("[−–—]", "-", text)


def _is_word(text: str) -> bool:
    return text.lower() in ("line", "lines", "name", "note", "keep")


def _lines(chunks: list[str]) -> tuple[float, ...]:
    """Take the percentages that follow the word `lines`: 15 8 4, 15% 8% 4%, 15/8/4."""
    found: list[float] = []
    while chunks:
        parts = [part for part in re.split(r"[/;]|,(?!\d)|%", chunks[0]) if part]
        if chunks[0] in ("%", "and", "&"):
            parts = []
        elif not parts or not all(_PERCENT.fullmatch(part) for part in parts):
            break
        found += [float(part.replace(",", ".")) / 100 for part in parts]
        chunks.pop(0)
    ordered = tuple(sorted(set(found), reverse=True))
    if not ordered:
        raise Refused("Lines are distances from liquidation in percent. Type up to three, like lines 15 8 4.")
    if len(ordered) > MOST_LINES:
        raise Refused("At most three lines can be told apart. Type them like lines 15 8 4, and a leverage with an x.")
    if ordered[-1] < 0.001 or ordered[0] > 0.9:
        raise Refused("A line lies between 0.1 and 90 %. Type them like lines 15 8 4.")
    return ordered


def _name(chunks: list[str]) -> str:
    """Take the words after `name` until the next word of ours."""
    taken: list[str] = []
    while chunks and chunks[0].lower().rstrip(":") not in ("line", "lines"):
        taken.append(chunks.pop(0))
    name = "".join(letter for letter in " ".join(taken) if letter.isprintable()).strip(" “”\"'")
    if not name or len(name) > LONGEST_NAME:
        raise Refused(f"A name has 1 to {LONGEST_NAME} characters. Type it at the end, like name hedge.")
    return name


def line_of(watched: WatchedPosition) -> str:
    """Return the line that watches the same position again, with its own lines and its name."""
    holding = watched.holding
    coin = holding.asset.lower()
    size = ""
    if holding.size_coins is not None:
        size = f"{plainly(holding.size_coins * holding.multiplier)}{coin}"
    elif holding.size_usd is not None:
        size = f"{plainly(holding.size_usd)}usd"
    parts = (
        "/watch",
        typed(Instrument(asset=holding.asset, quote=holding.quote, multiplier=holding.multiplier)),
        holding.side,
        plainly(holding.entry),
        f"{plainly(holding.leverage)}x",
        size,
        holding.venue,
        "inverse" if holding.contract == "inverse" else "",
        said_of(watched.lines, watched.name),
    )
    return " ".join(filter(None, parts))


def said_of(lines: Collection[float], name: str | None) -> str:
    """Return own lines and a name as they are typed behind a position: lines 15 8 4 name hedge."""
    parts = (f"lines {' '.join(f'{100 * line:g}' for line in lines)}" if lines else "", f"name {name}" if name else "")
    return " ".join(filter(None, parts))


def added(amount: float, holding: Holding) -> str:
    """Return margin as it is typed to be added, or below zero taken out: margin +500, margin -0.01btc."""
    coin = holding.asset.lower() if holding.contract == "inverse" else ""
    return f"margin {'+' if amount >= 0 else '-'}{plainly(abs(amount))}{coin}"


def check_own_margin(args: LiqArgs) -> None:
    """Refuse a position that shares its margin: asking for the account first would be asking in vain."""
    if args.margin_mode == "cross":
        raise Refused(
            "Cross margin cannot be watched: there the whole account decides, and I see only what is typed. "
            f"Leave out cross to watch it as isolated, or follow a {of_accounts().title} address: /watch 0x…."
        )


def check_entry(deps: Deps, args: LiqArgs) -> None:
    """Refuse a position without its entry, and ask for it: the price of now is a guess that is wrong for an old one."""
    if args.entry is not None:
        return
    mark = mark_of(deps, instrument_of(deps, args.instrument, args.size))
    now = wording.price(mark.value) if mark and mark.current else ""
    question = "At which price did you enter?" + (f" Now {now}." if now else "")
    offers = ((f"{now} (now)", plainly(mark.value)),) if mark and now else ()
    example = f"Type it like {EXAMPLE}" + (", or now for the price of now." if now else ".")
    raise Refused(f"{question} {example}", wanted=MissingValue(question, offers))


def holding_of(deps: Deps, question: PositionQuestion) -> tuple[Holding, LiquidationAnswer]:
    """Return the position to be watched. Refused where it is not whole, or not one of its own margin."""
    args = question.args
    if args.side is None:
        raise Refused(f"{ASK_SIDE.question} Type it like {EXAMPLE}.", wanted=ASK_SIDE)
    if args.leverage is None:
        raise Refused(f"The leverage is missing. Type it with an x, like {EXAMPLE}.", wanted=ASK_LEVERAGE)
    if question.instrument.expiry:
        raise Refused(
            f"{contract_name(question.instrument)} is a dated contract, and mark prices are known of perpetuals only, "
            f"so it cannot be watched. Ask for its price with /liq, or watch the perpetual: {question.asset}."
        )
    position = question.position(args.side)
    try:
        answer = quote(position, renewed=question.renewed)
    except LiquidationError as error:
        raise refused(question, position, error, command="watch") from error
    if answer.price is None:
        raise Refused(
            f"This {args.side} has no liquidation price: its margin covers every price, so there is nothing to watch."
        )
    leverage = args.leverage
    size = position.size(position.contract)
    if size is not None and position.margin is not None:
        worth = size * question.entry if position.contract == "linear" else size / question.entry
        leverage = worth / position.margin
    linear = position.contract == "linear"
    holding = Holding(
        asset=question.asset,
        venue=question.venue,
        contract=position.contract,
        side=args.side,
        entry=question.entry,
        leverage=leverage,
        begun=deps.now,
        size_coins=size if linear else None,
        size_usd=None if linear else size,
        quote=position.quote,
        multiplier=position.multiplier,
    )
    return holding, answer


def check_against_mark(position: PositionNow) -> None:
    """Ask where entry and price do not fit together; nothing is said about a price that is not known."""
    doubt = doubt_by_mark(position)
    if doubt:
        raise Refused(doubt)


def doubt_by_mark(position: PositionNow) -> str:
    """Say how an entry and the mark price contradict each other; nothing where they do not, or one is not known."""
    if not position.known:
        return ""
    holding, mark = position.holding, position.mark
    if not mark / 10 < holding.entry < mark * 10:
        return (
            f"The mark price of {holding.unit} is {wording.price(mark)}, far from an entry at "
            f"{wording.price(holding.entry)}. Check the entry price; 95k means 95,000."
        )
    if position.distance <= 0.0:
        return (
            f"By its mark price of {wording.price(mark)} this {holding.side} is beyond its liquidation at "
            f"{words.liquidation(position)}, so it cannot be open. Check side, entry and leverage."
        )
    return ""
