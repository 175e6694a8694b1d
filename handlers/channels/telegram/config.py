"""What the owner may set of Telegram."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import Field, SecretStr, field_validator

from handlers.channels.addresses import FilePath, ProxyAddress, ServerAddress
from handlers.channels.config import ChannelConfig

if TYPE_CHECKING:
    from handlers.channels.channel import Channel, Outside

_UNLIKE: Final = (
    "is no token. @BotFather gives one of digits, a colon and 35 letters, like 123456789:AA…; leave it out to be "
    "answered here alone."
)


class TelegramConfig(ChannelConfig):
    """The Telegram bot. Without a token perpulse runs in the terminal."""

    token: SecretStr | None = Field(None, description="from @BotFather; or PERPULSE_TELEGRAM__TOKEN, or token_file")
    token_file: FilePath | None = Field(None, description="a file that holds the token and nothing else")
    base_url: ServerAddress = Field(None, description="another Bot API server than Telegram's own; it ends in /bot")
    proxy: ProxyAddress = Field(None, description="http:// or https:// address by which Telegram is reached")
    bots: dict[str, TelegramConfig] = Field(
        {}, description='further bots, each with its own chats: token = "…" under [telegram.bots.alpha], any name'
    )

    title: ClassVar[str] = "Telegram"
    made_by: ClassVar[str] = "Open https://t.me/BotFather and send /newbot: it answers with the token of a new bot."
    needs: ClassVar[str | None] = "token"
    libraries: ClassVar[tuple[str, ...]] = ("python-telegram-bot",)
    talkers: ClassVar[tuple[str, ...]] = ("telegram", "telegram.Bot", "telegram.ext")
    terse: ClassVar[tuple[str, ...]] = ("telegram.ext",)
    secret_shapes: ClassVar[tuple[str, ...]] = (r"\d{6,12}:[A-Za-z0-9_-]{30,}",)  # as in the url of every request
    looks_like: ClassVar[dict[str, tuple[str, str]]] = {"token": (r"\d+:[A-Za-z0-9_-]{30,}", _UNLIKE)}

    @field_validator("base_url", mode="before")
    @classmethod
    def _ends_in_bot(cls, value: Any) -> Any:
        """Refuse what cannot be the address of a Bot API: the token is put right behind it."""
        if value and not (isinstance(value, str) and re.fullmatch(r"https?://[^/\s]+(/\S*)?/bot/?", value)):
            raise ValueError("write it with http:// or https:// and with /bot at its end, as http://localhost:8081/bot")
        return value

    @property
    def by_environment(self) -> str | None:
        """Go by the environment where no proxy is set."""
        return (self.base_url or "https://api.telegram.org/bot") if self.proxy is None else None

    def runs(self, *, alone: bool) -> bool:  # noqa: ARG002 - beside any other
        """Run where there is a token."""
        return bool(self.secret("token"))

    def make(self, outside: Outside) -> Channel:
        """Make the bot; the library takes a third of a second."""
        from handlers.channels.telegram.channel import Telegram  # noqa: PLC0415

        return Telegram(self, outside)
