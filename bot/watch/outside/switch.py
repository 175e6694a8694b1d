"""The dead man's switch: a monitor elsewhere is called while all is well, and raises the alarm when no call comes.

Silence is what it goes by, so nothing is ever reported as failed: monitors differ in how (`/fail` of healthchecks.io,
`status=down` of others), and one that hears nothing says so anyway. A turn without figures is not well: a bot that sees
nothing would look alive. Who stands by does not call, or two processes would hide that neither sends.

The address stands in the owner's own configuration and comes from nobody else, so it may lead to a machine of the
owner's network; unlike webhooks, it is not confined to public addresses. No redirect is followed: it would carry the
secret to a host that nobody named.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import aiohttp
import structlog

from bot.clock import NotBefore
from signals.units import MINUTE

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import SecretStr

    from bot.clock import Clock

log = structlog.get_logger(__name__)

APART: Final = MINUTE
_TIMEOUT: Final = aiohttp.ClientTimeout(total=10)
_READ: Final = 200  # bytes of an answer
_UNKNOWN: Final = b"OK (not found)"  # so healthchecks.io answers with 200 where the address is not known


class DeadMansSwitch:
    """Calls an address in the background, at most once a minute; whatever goes wrong is logged once a cause.

    why_not: says why all is not well, or None where it is.
    """

    def __init__(self, address: SecretStr, clock: Clock, why_not: Callable[[], str | None]) -> None:
        self._address, self._why_not = address, why_not
        self._rests = NotBefore(clock.monotonic)
        self._calling: asyncio.Task[None] | None = None
        self._said: str | None = None

    def turn_went_well(self) -> None:
        """Call if it is time to; returns at once."""
        if not self._rests.passed or (self._calling and not self._calling.done()) or self._why_not() is not None:
            return
        self._rests.wait(APART)
        self._calling = asyncio.create_task(self._call())

    async def close(self) -> None:
        """End a call that is under way; safe to call twice."""
        if self._calling:
            self._calling.cancel()
            await asyncio.gather(self._calling, return_exceptions=True)

    async def _call(self) -> None:
        trouble = await self._trouble()
        if trouble and trouble != self._said:
            log.error("the dead man's switch was not reached, trying again each minute", reason=trouble)
        elif trouble is None and self._said:
            log.info("the dead man's switch is reached again")
        self._said = trouble

    async def _trouble(self) -> str | None:
        """Call once and return what went wrong, in words without the address: that is a secret."""
        jar = aiohttp.DummyCookieJar()
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT, cookie_jar=jar, headers={"User-Agent": "perpulse"}) as session,
                session.get(self._address.get_secret_value(), allow_redirects=False) as answer,
            ):
                said = await answer.content.read(_READ)
                if 300 <= answer.status < 400:
                    return "it leads to another address (HTTP 3xx): write that one in watch.dead_mans_switch"
                if answer.status >= 400:
                    return f"it answers with HTTP {answer.status}"
                return "it does not know this address" if said.startswith(_UNKNOWN) else None
        except TimeoutError:
            return "it does not answer in time"
        except aiohttp.ClientConnectorCertificateError:
            return "its certificate is not valid"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return f"there is no connection ({type(error).__name__})"  # the text of an error may hold the address
