"""What is stored of assets at one moment, for all that is asked of it: each input is read once, whoever asks.

Who asks one thing gives `panels` the store, and each asset is looked at for that alone. Who asks for many metrics of
the same assets, as a turn does, makes a reader, gives it in the place of the store, and lets go of assets it is through
with: of a year of hours an asset takes half a MB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.market import points
from storage.panels.cache import PanelCache
from storage.panels.folded import Folded

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from storage.engine.database import Store
    from storage.market.points import StoredSeries


class PanelReader:
    """Assets as one look at the store sees them. For one thread.

    ahead: of all assets it is read at once what is stored, since many of them will be asked about.
    """

    def __init__(self, store: Store, *, ahead: bool = False) -> None:
        self.store = store
        self._ahead = ahead
        self._stored: dict[str, dict[str, list[StoredSeries]]] | None = None
        self._assets: dict[str, Folded] = {}

    @classmethod
    def of_source(cls, source: Store | PanelReader) -> PanelReader | Self:
        """Return a reader, a new one where there is none."""
        return source if isinstance(source, PanelReader) else cls(source)

    def of(self, asset: str) -> Folded:
        """Return an asset as it was when it was first asked for."""
        found = self._assets.get(asset)
        if found is None:
            # Inside of a unit of work one sees what may yet be undone.
            cache = None if self.store.in_unit_of_work else self.store.beside(PanelCache)
            found = self._assets[asset] = Folded(self.store, asset, cache, self._stored_of(asset))
        return found

    def _stored_of(self, asset: str) -> dict[str, list[StoredSeries]] | None:
        if not self._ahead:
            return None
        if self._stored is None:
            self._stored = {}
            for (of, name), every in points.directory(self.store).items():
                self._stored.setdefault(of, {})[name] = every
        return self._stored.get(asset, {})

    def forget(self, assets: Iterable[str]) -> None:
        """Let go of what was read of some assets."""
        for asset in assets:
            self._assets.pop(asset, None)
