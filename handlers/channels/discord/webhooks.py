"""Webhooks: alerts to a channel without a bot. The address is a secret, and leads to Discord or nowhere.

The library's own sender would follow redirects and try an unclear answer five times, with nothing that tells a repeat
from a message; so each call here is made once, by an aiohttp session that connects to checked addresses only.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, cast

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from discord import AllowedMentions, DiscordServerError, Forbidden, HTTPException, NotFound
from discord.http import handle_message_parameters, json_or_text

from handlers.channels.discord.errors import RAISED, failure
from handlers.channels.discord.posting import appearance
from handlers.channels.failure import ChatGone, PerhapsSent
from handlers.channels.pictures import drawn, in_words

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pydantic import SecretStr

    from handlers.channels.channel import Outgoing

PREFIX: Final = "webhook:"  # of the chat of a webhook; behind it stands its name


class NotPublic(OSError):  # noqa: N818 - it says what is the matter, as kinds of SendFailed do
    """A host name leads to an address that is not of the public internet."""


class PublicResolver(AbstractResolver):
    """Resolves once and checks every address, so that what is connected to is what was checked."""

    def __init__(self, inner: AbstractResolver | None = None) -> None:
        self._inner = inner or ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a host. NotPublic where one of them is not of the public internet."""
        found = await self._inner.resolve(host, port, family)
        for result in found:
            if not is_public(result["host"]):
                raise NotPublic(f"{host} leads to an address that is not public")
        return found

    async def close(self) -> None:
        """Close the resolver within."""
        await self._inner.close()


def is_public(address: str) -> bool:
    """Return whether an IP address is one of the public internet, also where it holds an IPv4 address within."""
    try:
        read = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(read, ipaddress.IPv6Address) and (within := _within(read)) is not None:
        return is_public(str(within))
    site = isinstance(read, ipaddress.IPv6Address) and read.is_site_local
    return read.is_global and not (read.is_multicast or read.is_reserved or site)


def _within(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for: mapped, compatible, NAT64, 6to4 or Teredo."""
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address.sixtofour:
        return address.sixtofour
    if address.teredo:
        return address.teredo[1]
    prefix = int(address) >> 32
    if prefix in (0, 0x0064_FF9B_0000_0000_0000_0000):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


class Webhooks:
    """Posts to webhooks by their names. addresses: secrets. guarded: only to public addresses; not in tests.

    With a proxy it is the proxy that resolves names.
    """

    def __init__(
        self,
        addresses: Mapping[str, SecretStr],
        draw: Callable[[dict[str, Any]], Awaitable[bytes | None]],
        *,
        patience: float,
        proxy: str | None = None,
        guarded: bool = True,
    ) -> None:
        self._addresses, self._draw, self._patience, self._proxy = addresses, draw, patience, proxy
        self._guarded = guarded and proxy is None
        self._session: aiohttp.ClientSession | None = None

    async def send(self, chat: str, message: Outgoing) -> str:
        """Post and return the message id. A webhook knows no repeats, answers nothing and has no buttons."""
        sent = await self._call("POST", chat, "?wait=true", message)
        return str(sent["id"])

    async def edit(self, chat: str, message_id: str, message: Outgoing) -> None:
        """Replace a message that this webhook posted."""
        await self._call("PATCH", chat, f"/messages/{message_id}", message)

    async def close(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()

    async def _call(self, method: str, chat: str, path: str, message: Outgoing) -> Any:
        address = self._addresses.get(chat.removeprefix(PREFIX))
        if address is None:
            raise ChatGone("this webhook is not in the configuration any more")
        blocks = in_words(message.blocks) if message.maybe_repeat else message.blocks
        pictures, blocks = await drawn(blocks, self._draw, message.picture_within)
        what = appearance(replace(message, blocks=blocks), pictures, embedded=not message.plain) | {"view": None}
        if method == "PATCH" and "files" in what:
            what["attachments"] = what.pop("files")
        try:
            async with asyncio.timeout(self._patience):
                return await self._request(method, address.get_secret_value() + path, what)
        except RAISED as error:
            raise failure(error) from None
        except ValueError:  # no JSON, or none that we know
            raise PerhapsSent("Discord's answer cannot be read") from None

    async def _request(self, method: str, url: str, what: dict[str, Any]) -> Any:
        with handle_message_parameters(allowed_mentions=AllowedMentions.none(), **what) as made:
            if made.multipart:
                form = aiohttp.FormData(quote_fields=False)
                for part in made.multipart:
                    form.add_field(**part)
                body: dict[str, Any] = {"data": form}
            else:
                body = {"json": made.payload}
            session = self._open()
            async with session.request(method, url, allow_redirects=False, proxy=self._proxy, **body) as response:
                said = await json_or_text(response)
                if not 200 <= response.status < 300:
                    raise _refusal(response, said)
                return cast("Any", said)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = PublicResolver() if self._guarded else None
            connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=resolver is None)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self._session


def _refusal(response: aiohttp.ClientResponse, said: Any) -> HTTPException:
    """Return the error that the library has for a status, so that there is one table of them."""
    kinds: dict[int, type[HTTPException]] = {403: Forbidden, 404: NotFound}
    kind = DiscordServerError if response.status >= 500 else kinds.get(response.status, HTTPException)
    return kind(response, said)
