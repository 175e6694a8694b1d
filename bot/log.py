"""What the program writes about itself, and what it never writes: secrets."""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Any

import structlog

from handlers.channels.config import sections

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping

# Shapes of secrets in texts of libraries: who goes in at an address, up to its last @ where the password may hold any
# sign, a signed query, an API key header, a webhook. Each channel has its own.
_SHAPES = (
    r"(?P<server>\bpostgres(?:ql)?:/{1,3}[^\s:@/]*:)\S*@"
    r"|(?P<door>\b(?!postgres)[a-z][a-z0-9+.-]{0,20}://)[^\s/?#'\"]*@"
    r"|(?P<name>signature|apiKey|X-MBX-APIKEY|api_key|secret|token|(?<=[?&])(?:ssl)?password(?==))"
    r"(?P<sep>['\"]?\s*[=:]\s*['\"]?)[^\s&'\",}]+"
    r"|(?P<hook>https?://[^/\s]+/(?:\w+/)*webhooks/)\S+"
)
MASK = "***"
# These print whole urls and headers below WARNING. Each channel has its own.
_TALKERS = ("ccxt.base.exchange", "aiohttp.access")


class Redactor:
    """Replace secrets in text: the known values, and whatever has the shape of one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known = sorted({secret for secret in secrets if len(secret) >= 4}, key=len, reverse=True)
        own = (shape for section in sections().values() for shape in section.secret_shapes)
        self._shapes = re.compile("|".join((*own, _SHAPES)), re.IGNORECASE)

    def __call__(self, text: str) -> str:
        """Return the text without secrets."""
        for secret in self._known:
            text = text.replace(secret, MASK)
        return self._shapes.sub(_masked, text)


def _masked(match: re.Match[str]) -> str:
    if before := match["server"] or match["door"]:
        return f"{before}{MASK}@"
    if match["hook"]:
        return f"{match['hook']}{MASK}"
    if match["name"]:
        return f"{match['name']}{match['sep']}{MASK}"
    return MASK


def talkers() -> tuple[str, ...]:
    """Return the loggers that print secrets below WARNING."""
    return (*_TALKERS, *(name for section in sections().values() for name in section.talkers))


class _Filter(logging.Filter):
    """Redact a record whole: message, arguments and traceback."""

    def __init__(self, redact: Redactor, *, debug: bool) -> None:
        super().__init__()
        self._redact = redact
        self._terse = () if debug else tuple(name for section in sections().values() for name in section.terse)

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = self._redact(record.getMessage())
        record.args = ()
        if record.name.startswith(self._terse):
            record.exc_info = None  # its message says it all; forty lines of its insides help nobody
        if record.exc_info:
            record.exc_text = self._redact(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        if record.stack_info:
            record.stack_info = self._redact(record.stack_info)
        return True


def _line(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    """Put an event into one line: the sentence, then what belongs to it by name. The level is the handler's to say."""
    said = str(event.pop("event", ""))
    trace = event.pop("exception", None)
    line = " ".join([said, *(f"{name}={value}" for name, value in event.items())])
    return f"{line}\n{trace}" if trace else line


def set_up(*, debug: bool = False, quiet: bool = False, secrets: Iterable[str] = ()) -> Redactor:
    """Send every log line to standard error, redacted; return the redactor for texts that go to a chat.

    quiet: defects only, for a command that says itself what the owner has to know.
    """
    redact = Redactor(secrets)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%Y-%m-%d %H:%M:%S"))
    handler.addFilter(_Filter(redact, debug=debug))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if debug else logging.ERROR if quiet else logging.INFO)
    logging.captureWarnings(capture=True)  # else libraries write them to the screen past the redaction
    for name in talkers():
        logging.getLogger(name).setLevel(logging.ERROR if quiet else logging.WARNING)
    # That a turn is still on when the next one is due is no news, and it says so in the words of its own code.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)

    def redacted(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {key: redact(value) if isinstance(value, str) else value for key, value in event.items()}

    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,  # what is not logged is not made into a line either
            structlog.processors.format_exc_info,
            redacted,
            _line,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return redact
