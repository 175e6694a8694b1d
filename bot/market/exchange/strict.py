"""The border to other people's servers: what is no answer becomes an error, and every error becomes one of ours.

ccxt takes a maintenance page, cut JSON or an empty body with status 200 for an answer: books and rates come back empty,
a page of 24 characters becomes "24 candles". It does not read Retry-After either, and says "not available" for a
country that is refused. All of that is put right here, once, for every source.
"""

from __future__ import annotations

import email.utils
import logging
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, Literal

import aiohttp
import structlog

from bot.clock import STEADY, NotBefore
from bot.market.exchange.recipe import UNREADABLE, Missing, Unreadable
from bot.market.source import Blocked, NotOffered, SourceDown, SourceError
from signals.units import MINUTE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping
    from types import TracebackType

    from bot.market.source import About

    Clock = Callable[[], datetime]
    Fetch = Callable[..., Awaitable[tuple[Any, Mapping[str, str] | None]]]  # an answer, and the headers it came with

_log = structlog.get_logger("requests")
_wanted = logging.getLogger("requests").isEnabledFor
_BANNED_UNTIL: Final = re.compile(r"until\s+(\d{13})\b")
_BUSY_PAUSE: Final = MINUTE  # request weights are counted by the minute
_BAN_PAUSE: Final = timedelta(minutes=5)  # a ban that names no end: the shortest is two minutes, asking prolongs it
_LONGEST: Final = timedelta(days=3)  # the longest ban there is; a stamp beyond it is a slip and must not shut us up
_BLOCKED: Final = frozenset({403, 451})
_QUESTIONED: Final = frozenset({400, 404, 409, 410, 422})  # the host is well, and does not like this question
_CODE: Final = re.compile(r'"(?:code|retCode|label)":\s*"?(-?\w+)')
_REACH: Final = re.compile(  # how venues name the range of a question, whatever their code is
    r"(?:start|end|begin|from|to)[_ ]?(?:time|at\b)|time ?range|\d[- ]days?\b|too (?:long|far|early|old)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back over HTTP, as far as a judgement needs it. headers: names in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str


class HttpRefusal(Exception):  # noqa: N818 -- an answer with a status, not yet judged; it never leaves this module's block
    """Carry an HTTP answer that is a refusal to where the clock is known."""

    def __init__(self, answer: HttpAnswer) -> None:
        super().__init__(f"status {answer.status}")
        self.answer = answer


def is_refusal(status: int) -> bool:
    """Tell whether a status speaks of us or of the host, whatever the body says."""
    return status in {418, 429} or status in _BLOCKED or status >= 500


def lowered(headers: Mapping[str, str]) -> dict[str, str]:
    """Put header names in lower case, as HttpAnswer wants them."""
    return {str(name).lower(): str(value) for name, value in headers.items()}


def judge(who: str, answer: HttpAnswer, now: datetime) -> SourceError:
    """Turn a refusal by HTTP status into our error. The text names the remedy and quotes nothing that was sent."""
    status = answer.status
    if status in _BLOCKED or "restricted location" in answer.text:
        return Blocked(
            f"{who} refuses this host or its country ({status}). Set a proxy in config.toml or run perpulse on a host "
            "elsewhere; other sources go on, and one question an hour looks whether it has changed."
        )
    named = _named_end(answer, now)
    if status == 418:
        until = named or now + _BAN_PAUSE
        return SourceDown(f"{who} has banned this address for asking too much, until {_clock(until)}.", until)
    if status == 429:
        until = named or now + _BUSY_PAUSE
        return SourceDown(f"{who} says we ask too fast; resting until {_clock(until)}.", until)
    return SourceDown(f"{who} is not available (status {status}).", named)


def _named_end(answer: HttpAnswer, now: datetime) -> datetime | None:
    """Read until when we are to be silent: a ban's milliseconds first, else Retry-After as seconds or as a date."""
    banned = _BANNED_UNTIL.search(answer.text)
    if banned:
        until = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(banned[1]))
        return min(until, now + _LONGEST) if until > now else None
    after = answer.headers.get("retry-after", "").strip()
    if after.isdecimal():
        return now + min(timedelta(seconds=int(after[:9])), _LONGEST)
    try:
        until = email.utils.parsedate_to_datetime(after)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(until, now + _LONGEST) if until > now else None


def _said_at(headers: Mapping[str, str] | None) -> datetime | None:
    """Read the time at which a server answered, by its own clock; None where it does not say, or says it oddly."""
    said = (headers or {}).get("Date") or (headers or {}).get("date")
    return _moment(said) if said else None


@lru_cache(maxsize=16)
def _moment(said: str) -> datetime | None:
    """Read a date of HTTP, which counts seconds: hundreds of answers within one say the same."""
    try:
        return email.utils.parsedate_to_datetime(said).astimezone(UTC)
    except ValueError:
        return None


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M:%S} UTC"


def note_asked(who: str, url: object) -> None:
    """Say in the debug log what is asked of whom; the log leaves secrets out."""
    if _wanted(logging.DEBUG):  # to find out by structlog that nobody wants it takes a tenth of what the call does
        _log.debug("asked", who=who, url=str(url))


class Guard:
    """What stands before and behind each question to one exchange: what is no answer raises, and a rest is kept.

    Once the venue has named a time (ban, Retry-After), no request leaves before it, whoever asks and whatever is queued
    in the limiter: each request during a ban makes it longer. It is kept by the monotonic clock (`steady`, in seconds).
    heard: is told the time that the venue says with each answer.
    """

    def __init__(
        self,
        exchange: Any,
        who: str,
        clock: Clock,
        steady: Callable[[], float] = STEADY,
        heard: Callable[[datetime], None] | None = None,
    ) -> None:
        import ccxt  # noqa: PLC0415 -- half a second and 100 MB; only a process that asks an exchange pays

        self._who, self._clock, self._heard = who, clock, heard
        self._id, self._named_errors = exchange.id, exchange.handle_errors
        self._rest, self._named = NotBefore(steady), SourceDown("")
        self._busy = (HttpRefusal, ccxt.DDoSProtection, ccxt.RateLimitExceeded)
        self._odd, self._refused = ccxt.BadResponse, ccxt.BadRequest

    def judged(self, status: int, *answer: Any) -> None:
        """Judge by status before ccxt does; errors inside an answer are ccxt's to name. Arguments: of handle_errors."""
        if is_refusal(status):
            _reason, _url, _method, headers, body, *_ = answer
            raise HttpRefusal(HttpAnswer(status, lowered(headers or {}), str(body or "")))
        self._named_errors(status, *answer)
        if status in _QUESTIONED:  # ccxt takes a refusal that it does not know for a host that is away
            raise self._refused(f"{self._id} {answer[4] or ''}")

    async def keep(self, fetch: Fetch, url: Any, *args: Any, **kwargs: Any) -> Any:
        """Have a question asked by `fetch`, unless the venue rests, and return its answer as JSON, and nothing else."""
        if not self._rest.passed:
            raise SourceDown(str(self._named), self._clock() + (self._rest.left or timedelta(0)))
        note_asked(self._who, url)
        try:
            answer, headers = await fetch(url, *args, **kwargs)
        except self._busy as error:
            # a limit told inside an answer (-1003) has no status of its own, but may name the end of the ban
            refusal = error.answer if isinstance(error, HttpRefusal) else HttpAnswer(429, {}, str(error))
            now = self._clock()
            verdict = judge(self._who, refusal, now)
            if isinstance(verdict, SourceDown) and verdict.retry_at:
                self._named = verdict
                self._rest.wait(verdict.retry_at - now)
            raise verdict from None
        if self._heard and (at := _said_at(headers)):
            self._heard(at)
        if not isinstance(answer, dict | list):
            raise self._odd(f"{self._id} sent no JSON")
        return answer


def make_strict(exchange: Any, guard: Guard) -> None:
    """Put a guard before and behind all that a ccxt object asks by itself."""
    fetch = exchange.fetch

    async def asked(*args: Any, **kwargs: Any) -> tuple[Any, Mapping[str, str] | None]:
        return await fetch(*args, **kwargs), exchange.last_response_headers

    exchange.fetch, exchange.handle_errors = partial(guard.keep, asked), guard.judged


class translated:  # noqa: N801 - read as what the block is
    """Let only SourceDown, Blocked and NotOffered out of the block, each with a sentence of our own.

    Foreign texts are not quoted: they carry addresses and, behind a key, signatures. too_far: see VenueRecipe. A class,
    since it stands around each of thousands of questions, and a generator costs five times as much.
    """

    __slots__ = ("_clock", "_too_far", "_who")

    def __init__(self, who: str, clock: Clock, too_far: Collection[str] = ()) -> None:
        self._who, self._clock, self._too_far = who, clock, too_far

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> Literal[False]:
        if isinstance(error, HttpRefusal):
            raise judge(self._who, error.answer, self._clock()) from None
        if isinstance(error, Exception) and not isinstance(error, SourceError):
            ours = _ours(self._who, error, self._too_far)
            if ours is not error:
                raise ours from error
        return False


def _ours(who: str, error: Exception, too_far: Collection[str]) -> Exception:
    """Name a foreign error; one that is nobody's but ours stays itself."""
    if isinstance(error, Unreadable):
        return SourceDown(f"{who} sent an answer that cannot be used: {error}.", about="question")
    if isinstance(error, TimeoutError):
        return SourceDown(f"{who} did not answer in time.")
    if isinstance(error, UNREADABLE):
        return SourceDown(f"{who} sent an answer of an unknown shape.", about="question")
    if isinstance(error, aiohttp.ClientError | OSError):
        return SourceDown(f"{who} cannot be reached.")
    return _from_ccxt(who, error, too_far)


def doubts_contract(error: SourceDown) -> bool:
    """Tell whether a failure may mean that the contract is gone: the venue answered, and refused just this question.

    Some venues say so in words of their own ("params error"), or leave the contract out of an answer for all.
    """
    import ccxt  # noqa: PLC0415 -- as below

    cause = error.__cause__
    return isinstance(cause, Missing) or (
        isinstance(cause, ccxt.ExchangeError) and not isinstance(cause, ccxt.AuthenticationError)
    )


def _from_ccxt(who: str, error: Exception, too_far: Collection[str]) -> Exception:
    """Name an error of ccxt's; one that is not ccxt's is a defect of ours and stays itself."""
    import ccxt  # noqa: PLC0415 -- as above; whoever gets here has it loaded

    if not isinstance(error, ccxt.BaseError):
        return error
    if isinstance(error, ccxt.RestrictedLocation) or "restricted location" in str(error):
        return judge(who, HttpAnswer(451, {}, ""), datetime.min.replace(tzinfo=UTC))
    if isinstance(error, ccxt.BadSymbol | ccxt.MarketClosed | ccxt.NotSupported):
        return NotOffered(f"{who} does not offer this contract any more.")
    reasons = {
        ccxt.BadResponse: "sent no readable answer (a maintenance page, or a cut one)",
        ccxt.NullResponse: "sent an empty answer",
        ccxt.RequestTimeout: "did not answer in time",
        ccxt.NetworkError: "cannot be reached",
        ccxt.BaseError: f"refused the question ({type(error).__name__})",
    }
    said = f"{who} {next(said for kind, said in reasons.items() if isinstance(error, kind))}."
    return SourceDown(said, about=_about(error, too_far))


def _about(error: Exception, too_far: Collection[str]) -> About:
    """Tell whether a refusal speaks of the range that was asked for, or of something else in the question."""
    import ccxt  # noqa: PLC0415 -- as above

    if not isinstance(error, ccxt.ExchangeError) or isinstance(error, ccxt.AuthenticationError):
        return "host"
    told = str(error)
    return "range" if _REACH.search(told) or not set(_CODE.findall(told)).isdisjoint(too_far) else "question"
