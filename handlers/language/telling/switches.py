"""The words behind /mute and /quiet: how long, until when, and from which hour to which."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final, Literal
from zoneinfo import ZoneInfo

from handlers.command import Refused
from handlers.language.kinds import FILLERS, TIME, month_named
from handlers.language.spelling import chunks, shown
from signals.language.spelling import HOURS
from signals.units import DAY, HOUR, MINUTE
from signals.wall_clock import instant, shown_again, shown_next

if TYPE_CHECKING:
    from collections.abc import Sequence

Scope = Literal["episode", "alarm", "everything"]

LONGEST: Final = 366 * DAY
_LIKE: Final = "Type it like 2h, until 18:00 or until monday."
_UNITS: Final = {**HOURS, "m": 1 / 60}
_UNTIL: Final = frozenset({"until", "till", "til", "untill"})
_OVER: Final = frozenset({"over", "end", "ends", "ended", "done", "finished"})
_ENDLESS: Final = frozenset({"forever", "always", "permanently"})
_IDLE: Final = frozenset({"it", "is", "its", "it's", "the", "at", "next", "on"})
_SAYS_NOTHING: Final = frozenset({"for", "of", "the", "and", "please", "pls"})  # of the fillers, `price` is an alarm
_OF_THE_ALERT: Final = frozenset({"this", "that", "it", "one", "these", "alert", "message"})
_COUNTED: Final = {"a": 1.0, "an": 1.0, "one": 1.0, "two": 2.0, "three": 3.0, "half": 0.5}
_HOURS_NAMED: Final = {"midnight": time(0), "morning": time(8), "noon": time(12), "evening": time(18)}
_WEEKDAYS: Final = "monday tuesday wednesday thursday friday saturday sunday".split()  # noqa: SIM905
_SCOPES: Final[dict[str, Scope]] = {
    "alarm": "alarm",
    "alarms": "alarm",
    "everything": "everything",
    "all": "everything",
    "any": "everything",
    "*": "everything",
}
_GLUED: Final = re.compile(r"(\d+(?:[.,]\d+)?)([a-z]+)")
_HOURS_MINUTES: Final = re.compile(r"(\d+)h(\d{1,2})(?:m|min)?")
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)?")
_STRICT: Final = frozenset({"strict", "strictly", "critical", "everything", "all", "even", "too"})
_OFF: Final = frozenset({"off", "none", "never", "no", "stop"})
_AT_NIGHT: Final = frozenset({"night", "nights", "nightly", "overnight", "sleep"})
_WISHED: Final = frozenset({"silent", "silence", "be"})
_NIGHT: Final = (time(23), time(7))
_BETWEEN: Final = frozenset(
    {"every", "each", "from", "to", "until", "till", "and", "between", "-", "hours", "quiet", "for", "oclock"}
)


@dataclass(frozen=True, slots=True)
class End:
    """When something ends: at a time, when an episode is over, or never (neither).

    first: when the clock there shows that time before, which it does twice where it goes back; None where it does not.
    """

    at: datetime | None = None
    over: bool = False
    first: datetime | None = None


@dataclass(frozen=True, slots=True)
class ToMute:
    """What was asked of /mute. what: the words that name alarms and assets. end: None where it was not said."""

    what: str
    scope: Scope | None = None
    episode: int | None = None
    end: End | None = None


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours of quiet, like 23:00-07:00; hours None: off. strict: what is critical waits as well."""

    hours: str | None
    strict: bool = False


def to_mute(text: str, now: datetime, zone: str, about: int | None = None) -> ToMute:
    """Read what is to be muted and for how long, in any order. Refused for two lengths, or one that is not a time.

    about: the episode of the alert that is answered, which is meant where nothing else is named.
    """
    words = [chunk.lower() for chunk in chunks(text)]
    reader = _EndReader(words, now, ZoneInfo(zone))
    rest: list[str] = []
    scope: Scope | None = None
    episode: int | None = None
    end: End | None = None
    while reader.left:
        found = reader.end()
        if found is not None:
            if end is not None:
                raise Refused(f"I read two lengths of time in “{shown(text)}”. Type only one, like /mute oi 2h.")
            end = found
        elif reader.word() in ("episode", "episodes") and reader.word(1).isdecimal() and len(reader.word(1)) < 16:
            episode = int(reader.word(1))
            reader.skip(2)
        elif reader.word() in _SCOPES:
            scope = _SCOPES[reader.word()]
            reader.skip(1)
        else:
            rest.append(reader.word())
            reader.skip(1)
    idle = _SAYS_NOTHING if about is None else _SAYS_NOTHING | _OF_THE_ALERT
    what = " ".join(word for word in rest if word not in idle)
    episode = about if episode is None and not what else episode
    if what or episode is None:
        scope = "everything" if scope == "everything" and not what else None  # "the oi alarm" names one
    else:
        scope = scope or "episode"
    return ToMute(what, scope, episode, end)


def typed_end(until: datetime | None, zone: str) -> str:
    """Return an end as it is typed: until 2026-11-23 08:30, by the minute in which it lies; for good where None."""
    if until is None:
        return "for good"
    whole = until if until.second == until.microsecond == 0 else until + MINUTE  # as it was kept by older versions
    if shown_again(whole, ZoneInfo(zone)) > whole:  # the clock there would be read as the second of the two
        return f"until {whole.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return f"until {whole.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


class _EndReader:
    """The words of a line, and where reading stands."""

    def __init__(self, words: Sequence[str], now: datetime, zone: ZoneInfo) -> None:
        self.words, self.now, self.zone, self.place = words, now, zone, 0

    @property
    def left(self) -> bool:
        return self.place < len(self.words)

    def word(self, further: int = 0) -> str:
        place = self.place + further
        return self.words[place] if place < len(self.words) else ""

    def skip(self, count: int) -> None:
        self.place += count

    def end(self) -> End | None:
        """Read an end if one stands here: a length of time, or until when."""
        if self.word() in _UNTIL:
            self.skip(1)
            return self._point(said=True)
        if self.word() in _ENDLESS or (self.word(), self.word(1)) == ("for", "good"):
            self.skip(1 if self.word() in _ENDLESS else 2)
            return End()
        begun = self.place
        if (length := self._length()) is not None:
            return self._after(length)
        self.place = begun
        return self._point(said=False)

    def _after(self, length: timedelta) -> End:
        if not MINUTE <= length <= LONGEST:
            wrong = "less than a minute" if length < MINUTE else "more than a year"
            raise Refused(f"That is {wrong}. Type it like 2h, or for good.")
        return End((self.now + length).replace(second=0, microsecond=0))  # as it is said, and can be typed again

    # --- lengths ------------------------------------------------------------------------------------------------------

    def _length(self) -> timedelta | None:
        """Read lengths in a row, each shorter than the one before it: 2h, 90 min, 1h30, 2 days 3 hours, half an hour.

        In 2h 3h the second is another one.
        """
        found: timedelta | None = None
        last, begun = timedelta.max, self.place
        while (one := self._one_length()) is not None:
            if one >= last:
                self.place = begun
                break
            found = one if found is None else found + one
            last, begun = one, self.place
        return found

    def _one_length(self) -> timedelta | None:
        word, unit = self.word(), self.word(1)
        if both := _HOURS_MINUTES.fullmatch(word):
            self.skip(1)
            return _length_of(int(both[1]) + int(both[2]) / 60)
        if (glued := _GLUED.fullmatch(word)) and glued[2] in _UNITS:
            self.skip(1)
            return _length_of(_number(glued[1]) * _UNITS[glued[2]])
        if _NUMBER.fullmatch(word):
            if unit not in _UNITS:
                until = f", or until {shown(word)}:00" if word.isdigit() and int(word) < 24 else ""
                raise Refused(f"Is {shown(word)} hours or days? Type it like {shown(word)}h{until}.")
            self.skip(2)
            return _length_of(_number(word) * _UNITS[unit])
        if word in _COUNTED:
            if word == "half" and unit in ("a", "an"):
                self.skip(1)
                unit = self.word(1)
            if unit in _UNITS:
                self.skip(2)
                return _length_of(_COUNTED[word] * _UNITS[unit])
        return None

    # --- points in time -----------------------------------------------------------------------------------------------

    def _point(self, *, said: bool) -> End | None:
        """Read until when. said: an `until` stood before it, so anything else is refused."""
        begun = self.place
        self._idle()
        if self.word() == "over" or (said and self.word() in _OVER):
            self.skip(1)
            return End(over=True)
        day = self._day(shortest=3 if said else len("sunday"))
        self._idle()
        clock = self.clock(bare=said)
        if clock is not None and self.word() == "utc":
            self.skip(1)
            self.zone = ZoneInfo("UTC")
        if day is None and clock is not None:  # 6pm tomorrow
            read = self.place
            self._idle()
            day = self._day(shortest=len("sunday"))
            self.place = read if day is None else self.place
        if day is None and clock is None:
            if said:
                raise Refused(f"Until “{shown(self.word())}” is no time that I know. {_LIKE}" if self.word() else _LIKE)
            self.place = begun
            return None
        if day is None:
            return self._shown(shown_next(self.now, clock or time(), self.zone))
        today = self.now.astimezone(self.zone).date()
        if isinstance(day, int):  # a weekday: today only where its hour is still to come
            ahead = (day - today.weekday()) % 7
            at = instant(today + ahead * DAY, clock or time(), self.zone)
            at = at if at > self.now else instant(today + (ahead + 7) * DAY, clock or time(), self.zone)
        else:
            at = instant(day, clock or time(), self.zone)
        return self._future(at) if clock is None else self._shown(at)

    def _shown(self, at: datetime) -> End:
        """Return the end at what a clock shows; of a time that comes twice the second, so nothing is told too early."""
        again = shown_again(at, self.zone)
        return replace(self._future(again), first=at if self.now < at < again else None)

    def _future(self, at: datetime) -> End:
        if at <= self.now:
            raise Refused(f"That time has passed. {_LIKE}")
        if at - self.now > LONGEST:
            raise Refused(f"That is more than a year away. {_LIKE}")
        return End(at.astimezone(UTC))

    def _idle(self) -> None:
        while self.word() in _IDLE:
            self.skip(1)

    def _day(self, *, shortest: int) -> date | int | None:
        """Read a day: a date, or a weekday as its number (Monday is 0). shortest: letters of it; SUN is a coin too."""
        today, word = self.now.astimezone(self.zone).date(), self.word()
        if word in ("today", "tomorrow", "tonight"):
            self.skip(1)
            return today + (word == "tomorrow") * DAY
        if len(word) >= shortest and (named := [day for day in _WEEKDAYS if day.startswith(word)]):
            self.skip(1)
            return _WEEKDAYS.index(named[0])
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", word):
            self.skip(1)
            return _date(*map(int, word.split("-")))
        return self._day_of_month(today)

    def _day_of_month(self, today: date) -> date | None:
        """Read 24 dec or december 24: the next one."""
        for number, name in ((self.word(), self.word(1)), (self.word(1), self.word())):
            month = month_named(name)
            if number.isdecimal() and len(number) <= 2 and month is not None:
                self.skip(2)
                later = (month, int(number)) < (today.month, today.day)
                return _date(today.year + later, month, int(number))
        return None

    def clock(self, *, bare: bool = True) -> time | None:
        """Read an hour: 18:00, 6pm, 6 pm, noon; bare: 18 as well."""
        word = self.word()
        if word in _HOURS_NAMED:
            self.skip(1)
            return _HOURS_NAMED[word]
        two = self.word(1) in ("am", "pm") and word.isdecimal()
        joined = word + self.word(1) if two else word
        if bare and joined.isdecimal() and int(joined) <= 24:
            self.skip(1)
            return time(int(joined) % 24)
        found = TIME.read(joined) if TIME.read and joined[:1].isdigit() else None
        if found is not None:
            self.skip(2 if two else 1)
        return found


def _number(word: str) -> float:
    return float(word.replace(",", "."))


def _length_of(hours: float) -> timedelta:
    return min(hours * HOUR if hours < 1e6 else 2 * LONGEST, 2 * LONGEST)


def _date(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise Refused(f"There is no such day. {_LIKE}") from None


def quiet_hours(text: str) -> QuietHours:
    """Read hours of quiet: 23-7, 22:30 to 06:00, 11pm-7am, at night; `strict` after them, or `off`.

    Refused for anything else.
    """
    words = " ".join(chunks(text)).lower().replace("-", " - ").split()
    times: list[time] = []
    strict = off = night = False
    reader = _EndReader(words, datetime.min.replace(tzinfo=UTC), ZoneInfo("UTC"))
    while reader.left:
        word = reader.word()
        clock = reader.clock()
        if clock is not None:
            times.append(clock)
            continue
        reader.skip(1)
        off = off or word in _OFF
        strict = strict or word in _STRICT
        night = night or word in _AT_NIGHT
        if word not in _OFF | _STRICT | _AT_NIGHT | _BETWEEN | _WISHED | FILLERS:
            raise Refused(f"I do not understand “{shown(word)}”. Type it like /quiet 23-7 or /quiet off.")
    if off and not times:
        return QuietHours(None)
    if night and not times and not off:
        times += _NIGHT
    if len(times) != 2 or off:
        raise Refused("Say from which hour to which it is quiet. Type it like /quiet 23-7 or /quiet off.")
    begin, end = times
    if begin == end:
        raise Refused("Quiet hours that end when they begin would be all day. Type /mute for that, or /quiet 23-7.")
    return QuietHours(f"{begin:%H:%M}-{end:%H:%M}", strict)
