"""A server on this machine: what all fakes of an exchange, an archive, a stream or the Bot API have in common."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, ClassVar, Self

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class Served:
    """Serve `routes` between start and stop, inside `async with`, or from a thread inside `with x.in_thread()`."""

    forgets_who_left: ClassVar[bool] = True  # an answer ends when nobody waits for it
    port: int = 0
    _runner: web.AppRunner | None = None
    _loop: asyncio.AbstractEventLoop | None = None  # of a thread of its own

    def routes(self) -> Sequence[web.RouteDef]:
        """Return what is answered by which method."""
        raise NotImplementedError

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen; after a stop on the same port, so that who asked before finds the server again."""
        app = web.Application(client_max_size=64 * 1024**2)
        app.add_routes(self.routes())
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=self.forgets_who_left, shutdown_timeout=0.1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the port: every request is refused by the machine."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def do(self, action: Callable[..., object], *args: object) -> None:
        """Do something in the thread that serves, and see whoever waits there woken by it."""

        async def done() -> None:
            action(*args)

        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(done(), self._loop).result(10)

    @contextlib.contextmanager
    def in_thread(self) -> Iterator[Self]:
        """Serve from a thread of its own, for tests that run perpulse as a subprocess."""
        loop = self._loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self.start(), loop).result(10)
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(self.stop(), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.close()
