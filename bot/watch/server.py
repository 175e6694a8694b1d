"""/healthz, /livez and /metrics, in the event loop of the bot: what they say is what the loop itself knows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import web

from bot.watch import health
from bot.watch.config import place_of

if TYPE_CHECKING:
    from bot.watch.vitals import Vitals

log = structlog.get_logger(__name__)

AGAIN_S: Final = 10.0  # a process that stands by on the same machine waits until the port is free
_NO_STORE: Final = {"Cache-Control": "no-store", "Server": "perpulse"}


class WatchServer:
    """Answers those who watch. listen: host and port, as they stand in the configuration."""

    def __init__(self, vitals: Vitals, listen: str) -> None:
        self._vitals = vitals
        self._host, self._port = place_of(listen)

    async def run(self) -> None:
        """Listen until cancelled. A port that is taken is said once and tried again: no bot ends for that."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await self._listen(runner)
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> None:
        said = False
        while True:
            site = web.TCPSite(runner, self._host, self._port)
            try:
                await site.start()
            except OSError as error:
                if not said:
                    place = f"{self._host}:{self._port}"
                    log.error("nothing can be watched yet, trying again", listen=place, reason=error.strerror)  # noqa: TRY400
                said = True
                await asyncio.sleep(AGAIN_S)
            else:
                log.info("it can be watched", healthz=f"http://{self._host}:{self._port}/healthz")
                return

    async def _healthz(self, _: web.Request) -> web.Response:
        """Say whether it does what it is there for: 200, or 503 with the reasons."""
        found = health.report(await self._vitals.look())
        return web.json_response(found, status=200 if found["ready"] else 503, headers=_NO_STORE)

    async def _livez(self, _: web.Request) -> web.Response:
        """Say that the loop turns: to start it anew mends nothing that is wrong elsewhere."""
        return web.json_response({"alive": True}, headers=_NO_STORE)

    async def _metrics(self, _: web.Request) -> web.Response:
        from bot.watch import exporter  # noqa: PLC0415 - a tenth of a second, for those who are asked

        look = await self._vitals.look()
        body = await asyncio.to_thread(exporter.render, look)
        return web.Response(body=body, headers={**_NO_STORE, "Content-Type": exporter.CONTENT_TYPE})
