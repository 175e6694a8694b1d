"""What lies under the bot: the clock of the machine and the file that everything is remembered in, and its memory.

Clock and file may be changed by others while perpulse runs, and neither says so by itself.
"""

from __future__ import annotations

import asyncio
import ctypes
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import structlog

from bot.clock import JumpWatch, NotBefore
from handlers.words import machine as words
from signals.units import HOUR, MINUTE
from storage.alerts import outbox
from storage.engine import clock_jump
from storage.engine.clock_jump import ClockJump
from storage.engine.database import StoreError
from storage.engine.presence import saved_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.doubting import DoubtingClock
    from storage.engine.database import Store
    from storage.engine.presence import Loss

log = structlog.get_logger(__name__)

LOOK: Final = timedelta(seconds=5)  # so long a jump may stop the scheduler; a look costs three questions about files
TOLD_JUMP: Final = timedelta(seconds=30)  # a smaller one changes nothing that anybody sees
JUMPS_APART: Final = HOUR  # two time servers that quarrel are one line an hour
SAVE_AGAIN: Final = MINUTE
# Options of mallopt in <malloc.h> of glibc, and what they are set to: bytes from which on a block is mapped by itself,
# and how many arenas there are for all threads.
_MALLOC: Final = {-3: 128 * 1024, -8: 1}


def keep_memory_whole() -> bool:
    """Have the C library give back what is freed; False where it is not glibc, or refuses.

    It raises the first bound to up to 32 MB as soon as a large block is freed, and has eight arenas a core: tables of
    histories leave holes between small blocks then, in each arena, and the process grows by a megabyte a day (measured
    over a simulated month of faults: 6.5 % of 299 MB in 16 days, 1.4 % with this). To be called before there are
    threads. Price: a large table is zeroed by the kernel once more.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all(mallopt(option, value) == 1 for option, value in _MALLOC.items())


class Machine:
    """Looks at the clock and at the database file, and does what is to be done.

    A jump of the machine's clock is told once, when it is known whether it was right, and `replan` is called, for who
    plans by that clock. Where our own time follows it, `jumped` is called and what waits in the outbox moves with it.

    **A database that is gone loses least in this way.** What is open is still whole, until the process ends: so it is
    saved beside the file first, whatever comes next, and the copy is checked. Where the file was deleted, or robbed of
    its log, nothing of anybody else lies in its place: the copy is put back there and the bot goes on. To stop instead
    would lose more: a supervisor starts it again at once, with an empty database, and nobody is told anything until
    people subscribe again. Where *another* file lies in its place, somebody may have put it there on purpose, so it is
    not overwritten, and nothing of it is mixed with what this process still knows (leases, episodes, what waits to be
    sent). The bot stops with an error and the next start goes on with that file: `replaced` is called.
    Where nothing can be saved, the bot goes on with what it has open, says so, and tries again each minute.
    """

    def __init__(
        self,
        store: Store,
        clock: DoubtingClock,
        *,
        replan: Callable[[], None],
        jumped: Callable[[], None],
        replaced: Callable[[], None],
    ) -> None:
        self._store, self._clock = store, clock
        self._replan, self._jumped, self._replaced = replan, jumped, replaced
        self._machines, self._ours = JumpWatch(clock.machine), JumpWatch(clock)
        self._untold: ClockJump | None = None
        self._jump_told, self._again = NotBefore(clock.monotonic), NotBefore(clock.monotonic)
        self._suspected: Loss | None = None
        self._complained: Loss | None = None  # of what it was said that it cannot be saved
        self._over = False  # what lies there now is another database, and what this one held is saved

    async def run(self) -> None:
        """Look again and again until cancelled; nothing that goes wrong in a look ends it."""
        if copies := await asyncio.to_thread(lambda: self._store.saved):
            log.warning(words.saved_copies(copies))
        while not self._over:
            await asyncio.sleep(LOOK.total_seconds())
            await self.look()

    async def look(self) -> None:
        """Look once at both."""
        try:
            await self._look_at_clock()
            await self.look_at_database()
        except StoreError as error:
            log.error(str(error))  # noqa: TRY400 - the sentence says what to do, a traceback would hide it
        except Exception:
            log.exception("a look at clock and database failed; the next one is in a moment")

    async def last_look(self) -> None:
        """Look at the database before it is closed: what was lost in this moment is still open."""
        await self.look_at_database()
        await self.look_at_database()  # one look is not enough to believe that it was replaced

    async def _look_at_clock(self) -> None:
        if by := self._machines.look():
            self._replan()
            if abs(by) >= TOLD_JUMP:
                self._untold = ClockJump(self._clock.machine.now(), by)
        if by := self._ours.look():
            self._jumped()
            await asyncio.to_thread(self._follow, by)
        if self._untold and not self._clock.doubts:
            jump, self._untold = replace(self._untold, followed=not self._clock.held), None
            if self._jump_told.passed:
                log.warning(words.clock_jump(jump))
                self._jump_told.wait(JUMPS_APART)
            await asyncio.to_thread(self._note, jump)

    def _follow(self, by: timedelta) -> None:
        with self._store.write() as work:
            outbox.clock_set(work, by)

    def _note(self, jump: ClockJump) -> None:
        with self._store.write() as work:
            clock_jump.note(work, jump)

    async def look_at_database(self) -> None:
        """Look at the file, and save what it held where it is gone."""
        if self._over:
            return
        if await asyncio.to_thread(self._save_what_is_lost):
            self._over = True
            self._replaced()

    def _save_what_is_lost(self) -> bool:
        """Save it, and tell whether that was the end of this database. A server looks after its files itself."""
        file = self._store.file
        if file is None:
            return False
        loss = file.loss()
        before, self._suspected = self._suspected, loss
        # Once more where it seems replaced: some network file systems number a file anew while nothing has happened.
        if loss is None or not self._again.passed or (loss == "replaced" and before != "replaced"):
            return False
        path = file.path
        saved = saved_name(path, self._clock.now())
        try:
            file.save(saved)
            if loss == "replaced":
                file.leave_log()
            else:
                file.put_back(saved)
        except StoreError as error:
            if loss != self._complained:
                log.error(words.not_saved(loss, path, str(error)))  # noqa: TRY400 - as above
            self._complained = loss
            self._again.wait(SAVE_AGAIN)
            return False
        self._complained = None
        log.error(words.replaced(path, saved) if loss == "replaced" else words.put_back(loss, path, saved))
        return loss == "replaced"
