"""What the owner may set of Discord."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from handlers.channels.addresses import FilePath, ProxyAddress, ServerAddress
from handlers.channels.config import ChannelConfig
from handlers.channels.written import UnreadableText, secret_of
from handlers.command import Refused

if TYPE_CHECKING:
    from handlers.channels.channel import Channel, Outside

_UNLIKE: Final = (
    "is no token. https://discord.com/developers/applications gives one under Bot, three parts with dots between them; "
    "leave it out to be answered here alone."
)
WEBHOOK: Final = re.compile(r"https://(?:(?:canary|ptb)\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d{5,25}/[\w-]+")
_NO_WEBHOOK: Final = (
    "is no webhook of Discord's: copy it under Edit Channel, Integrations, Webhooks; it begins with "
    "https://discord.com/api/webhooks/"
)


class Webhook(BaseModel):
    """One webhook: where alerts go without a bot. Its address is a secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: SecretStr | None = None
    url_file: FilePath | None = None
    subscribe: str = ""

    @model_validator(mode="after")
    def _once(self) -> Webhook:
        if bool(self.url) == bool(self.url_file):
            raise ValueError("give url or url_file, one of them")
        return self


class DiscordConfig(ChannelConfig):
    """The Discord bot, and webhooks that need none. Without either nothing goes there."""

    token: SecretStr | None = Field(None, description="of the bot; or PERPULSE_DISCORD__TOKEN, or token_file")
    token_file: FilePath | None = Field(None, description="a file that holds the token and nothing else")
    publish: bool = Field(default=False, description="publish what is posted in announcement channels, 10 an hour")
    webhooks: dict[str, Webhook] = Field(
        {}, description='by name: { alerts = { url = "https://discord.com/api/webhooks/…", subscribe = "oi btc" } }'
    )
    base_url: ServerAddress = Field(None, description="another server that speaks Discord's API, for tests")
    proxy: ProxyAddress = Field(None, description="http:// or https:// address by which Discord is reached")
    bots: dict[str, DiscordConfig] = Field(
        {}, description='further bots, each with its own chats: token = "…" under [discord.bots.alpha], any name'
    )

    title: ClassVar[str] = "Discord"
    made_by: ClassVar[str] = (
        "Make an application at https://discord.com/developers/applications; under Bot, reset the token and copy it."
    )
    needs: ClassVar[str | None] = "token or webhook"
    libraries: ClassVar[tuple[str, ...]] = ("discord.py",)
    talkers: ClassVar[tuple[str, ...]] = ("discord", "discord.http", "discord.gateway", "discord.client")
    terse: ClassVar[tuple[str, ...]] = ("discord",)
    secret_shapes: ClassVar[tuple[str, ...]] = (
        r"[\w-]{23,30}\.[\w-]{6,7}\.[\w-]{27,}",
        r"(?<=/interactions/)\d+/[\w-]+",
    )
    looks_like: ClassVar[dict[str, tuple[str, str]]] = {"token": (r"[\w-]{10,}\.[\w-]+\.[\w-]{10,}", _UNLIKE)}
    of_one_bot: ClassVar[frozenset[str]] = ChannelConfig.of_one_bot | {"webhooks"}
    # A webhook needs no bot, and the library knows one server for all of them.
    of_all_bots: ClassVar[frozenset[str]] = frozenset({"bots", "webhooks", "base_url"})

    @field_validator("webhooks")
    @classmethod
    def _named(cls, value: dict[str, Webhook]) -> dict[str, Webhook]:
        for name in value:
            if not re.fullmatch(r"[\w-]{1,32}", name):
                raise ValueError("name a webhook with letters, digits, - and _ only")
        return value

    def runs(self, *, alone: bool) -> bool:  # noqa: ARG002 - beside any other
        """Run where there is a token or a webhook."""
        return bool(self.secret("token") or self.webhooks)

    def addresses(self) -> dict[str, SecretStr]:
        """Return the address of each webhook by its name. Refused where one cannot be read, or is none."""
        return {name: self._address(name, hook) for name, hook in self.webhooks.items()}

    def _address(self, name: str, hook: Webhook) -> SecretStr:
        where = f"discord.webhooks.{name}"
        text = hook.url.get_secret_value() if hook.url else ""
        if hook.url_file is not None:
            where = f"{where}.url_file: {hook.url_file}"
            try:
                text = secret_of(hook.url_file)
            except UnreadableText as why:
                raise Refused(f"{where} {why}.") from None
        text = text.strip()
        here = self.base_url and text.startswith(f"{self.base_url}/api/webhooks/")
        if not (here or WEBHOOK.fullmatch(text)):
            raise Refused(f"{where} {_NO_WEBHOOK}")
        return SecretStr(text)

    def secrets(self) -> tuple[str, ...]:
        """Return every secret that is set, for the log to leave out. Refused as for `secret`."""
        return (*super().secrets(), *(address.get_secret_value() for address in self.addresses().values()))

    def make(self, outside: Outside) -> Channel:
        """Make the bot; the library takes half a second."""
        from handlers.channels.discord.channel import Discord  # noqa: PLC0415

        return Discord(self, outside)
