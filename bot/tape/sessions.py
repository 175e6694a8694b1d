"""The part of aiohttp.ClientSession that ccxt, our sources and our streams use."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


class Session:
    """What a session that records and one that plays have in common."""

    headers: Mapping[str, str] = MappingProxyType({})  # ccxt merges those of the session into its own

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def get(self, url: Any, **more: Any) -> Any:
        """Ask by GET."""
        return self.request("GET", url, **more)

    def post(self, url: Any, **more: Any) -> Any:
        """Ask by POST."""
        return self.request("POST", url, **more)

    def request(self, method: str, url: Any, **more: Any) -> Any:
        """Return a context manager of an answer."""
        raise NotImplementedError

    async def close(self) -> None:
        """Close the connections."""
        raise NotImplementedError
