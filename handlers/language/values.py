"""What has been read of a command: each value in the field of the command's dataclass that takes it."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, NoReturn, cast

from handlers.command import MissingValue, Refused
from handlers.language.kinds import ASSET, INSTRUMENT, LEVERAGE
from handlers.language.spelling import asset_alone, shown
from signals.assets import Instrument

if TYPE_CHECKING:
    from handlers.language.kinds import Field, Kind, Plan

_EXAMPLE = re.compile(r"\bor\b|\d")


class Values:
    """Values by field, and the words they were read from. command: its name, for the example in an error."""

    def __init__(self, plan: Plan, command: str) -> None:
        self.plan = plan
        self.by_field: dict[str, Any] = {}
        self._command = command
        self._said: dict[str, str] = {}

    def put(self, kind: Kind, value: Any, text: str, into: Field | None = None) -> None:
        """Put a value into the first free field of its kind, or into one. Refused where another value stands there."""
        targets = (into,) if into else self.plan.of(kind)
        if not targets:
            self.unknown(text)
        for target in targets:
            if target.name not in self.by_field:
                self.by_field[target.name] = value
                self._said[target.name] = text
                return
            if self.by_field[target.name] == value:
                return
        last = targets[-1]
        if kind.both:
            self.by_field[last.name] = kind.both(self.by_field[last.name], value)
            return
        # “isolated or cross”, “or 1%” and “every 8h” are choices and examples, and no names
        as_what = "" if _EXAMPLE.search(last.label) else f" as the {last.label}"
        raise Refused(
            f"I read both {shown(self._said[last.name])} and {shown(text)}{as_what}. Type only one, {self.example()}."
        )

    def name(self, read: Instrument, text: str) -> None:
        """Put what a word names: the contract where the command takes one, else its asset.

        Refused where the word says more than the command can take, or another contract than a word before it.
        """
        if INSTRUMENT not in self.plan.kinds:
            self.put(ASSET, asset_alone(read, text), text)
            return
        field = self.plan.of(INSTRUMENT)[0]
        known = self.by_field.get(field.name)
        both = _both(known, read) if known else read
        if both is None:
            self.put(INSTRUMENT, read, text)  # which says that there are two
        else:
            self.by_field[field.name] = both
            self._said.setdefault(field.name, text)

    def named(self) -> Instrument | None:
        """Return the contract or coin that was named; None where none was."""
        for field in self.plan.of(INSTRUMENT):
            if field.name in self.by_field:
                return cast("Instrument", self.by_field[field.name])
        assets = (self.by_field[field.name] for field in self.plan.of(ASSET) if field.name in self.by_field)
        return next((Instrument(asset=asset) for asset in assets), None)

    def free(self, *kinds: Kind) -> list[Field]:
        """Return the fields of these kinds that have no value yet."""
        return [field for kind in kinds for field in self.plan.of(kind) if field.name not in self.by_field]

    def unknown(self, text: str) -> NoReturn:
        """Refuse a word that is nothing this command can take."""
        raise Refused(f"I do not understand “{shown(text)}”. Type it {self.example()}.")

    def no_exchange(self, text: str) -> NoReturn:
        """Refuse the name of an exchange where the command takes none: it would be read as a second coin."""
        raise Refused(f"“{shown(text)}” is an exchange, and /{self._command} takes none. Type it {self.example()}.")

    def example(self) -> str:
        """Say what to type, for the end of a refusal."""
        from handlers.command import commands  # noqa: PLC0415 - walks all commands, for an error only

        known = commands().get(self._command)
        return f"like {known.example}" if known else f"another way (/help {self._command})"

    def check(self) -> None:
        """Refuse where a required value is missing."""
        missing = [field for field in self.plan.fields if field.required and field.name not in self.by_field]
        if not missing:
            return
        first = missing[0]
        shape = f"{first.words[0]} {{}}" if first.words else "{}x" if first.kind is LEVERAGE else "{}"
        text = f"The {first.label} is missing. Type it {self.example()}."
        whole = len(missing) == 1 and bool(self.by_field)
        raise Refused(
            text,
            wanted=MissingValue(f"What is the {first.label}?", shape=shape)
            if whole
            else MissingValue(text, several=True),
        )


def _both(first: Instrument, second: Instrument) -> Instrument | None:
    """Return what two words name together (btc, BTCUSDC); None where they contradict each other."""
    if first.asset != second.asset:
        return None
    said: dict[str, Any] = {"multiplier": max(first.multiplier, second.multiplier)}
    for field in fields(Instrument):
        one, two = getattr(first, field.name), getattr(second, field.name)
        if field.name in said:
            continue
        if None not in (one, two) and one != two:
            return None
        said[field.name] = two if one is None else one
    return replace(first, **said)
