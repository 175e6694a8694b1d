"""Each channel's own section of config.toml. A channel is found by its config.py."""

from __future__ import annotations

import importlib
import pkgutil
import re
from abc import ABC, abstractmethod
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr, SecretStr, field_validator, model_validator

from handlers.channels.addresses import secrets_in
from handlers.channels.written import UnreadableText, secret_of
from handlers.command import Refused
from handlers.words.delivery import bot_called
from storage.people.bots import name_of, platform_of, word_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from handlers.channels.channel import Channel, Outside

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,19}", re.ASCII)
_MISNAMED: Final = "name a bot with lower-case letters, digits and dashes, 20 at most, like alpha"


class ChannelConfig(BaseModel, ABC):
    """What the owner may set of one channel, and what others have to know of it before it is made.

    The docstring of a section and the description of each field are its comments in config.example.toml. A field
    `token` with a field `token_file` beside it may be given by either; `secret("token")` reads whichever it is.

    A field `bots`, a table of the same kind of section by name, lets further bots speak beside the first one. What one
    of them does not set is as in its section, but for `of_one_bot`.

    title: what people call it. made_by: where whoever has no bot there gets one, in a sentence. needs: what it cannot
    run without, in a few words; None if nothing. libraries: what it imports, as packages are called. talkers: loggers
    that print secrets below WARNING. terse: loggers whose sentence says it all, so that a traceback helps nobody but in
    debug. secret_shapes: patterns of its secrets in foreign texts.
    looks_like: for a secret that cannot be anything, what it matches, and how to say that it does not. of_one_bot:
    keys that a further bot does not take over. of_all_bots: those that it cannot set.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: ClassVar[str]
    made_by: ClassVar[str] = ""
    needs: ClassVar[str | None] = None
    libraries: ClassVar[tuple[str, ...]] = ()
    talkers: ClassVar[tuple[str, ...]] = ()
    terse: ClassVar[tuple[str, ...]] = ()
    secret_shapes: ClassVar[tuple[str, ...]] = ()
    looks_like: ClassVar[dict[str, tuple[str, str]]] = {}
    of_one_bot: ClassVar[frozenset[str]] = frozenset({"bots", "token", "token_file"})
    of_all_bots: ClassVar[frozenset[str]] = frozenset({"bots"})

    _name: str = PrivateAttr("")  # of a further bot

    @abstractmethod
    def runs(self, *, alone: bool) -> bool:
        """Return whether this channel is to run. alone: no other one does."""

    @abstractmethod
    def make(self, outside: Outside) -> Channel:
        """Make the channel. Its library is imported here and not before: it may cost a third of a second."""

    @classmethod
    def platform(cls) -> str:
        """Return the name of the section and of the folder."""
        return cls.__module__.rsplit(".", 2)[-2]

    @property
    def word(self) -> str:
        """Return what is stored with each chat of this bot: telegram, or telegram@alpha."""
        return word_of(self.platform(), self._name)

    @property
    def called(self) -> str:
        """Return what people call this bot: Telegram, or Telegram (alpha)."""
        return bot_called(self.title, self._name)

    @property
    def by_environment(self) -> str | None:
        """Return the address that it asks by the proxy which the environment names; None where it does not so."""
        return None

    @property
    def among(self) -> dict[str, str]:
        """Return what a line of the log says of a further bot; of the first one nothing."""
        return {"bot": self.word} if self._name else {}

    @property
    def place(self) -> str:
        """Return where it stands in the configuration: telegram, or telegram.bots.alpha."""
        return place_of(self.word)

    def every(self) -> tuple[Self, ...]:
        """Return this bot and each that is named beside it, with what that takes over from here."""
        return (self, *(self._beside(name, bot) for name, bot in getattr(self, "bots", {}).items()))

    def _beside(self, name: str, bot: Self) -> Self:
        own = self.of_one_bot | bot.model_fields_set
        taken_over = {key: getattr(self, key) for key in type(self).model_fields if key not in own}
        found = bot.model_copy(update=taken_over)
        found._name = name  # noqa: SLF001 - of another one of the same kind
        return found

    @field_validator("bots", mode="before", check_fields=False)
    @classmethod
    def _well_named(cls, value: Any) -> Any:
        """Refuse what names no bot; before anything else is said of it, since it may be a token in the wrong place."""
        if not isinstance(value, dict):
            said = f"give each bot a section of its own, like [{cls.platform()}.bots.alpha], with its token in it"
            raise ValueError(said)  # noqa: TRY004 - a TypeError is no sentence to the library
        if not all(_NAME.fullmatch(str(name)) for name in value):
            raise ValueError(_MISNAMED)
        return value

    @field_validator("bots", check_fields=False)
    @classmethod
    def _each_a_bot(cls, value: dict[str, Self]) -> dict[str, Self]:
        for name, bot in value.items():
            if set_there := sorted(key for key in cls.of_all_bots & set(cls.model_fields) if getattr(bot, key)):
                raise ValueError(f"{set_there[0]} is set in [{cls.platform()}] alone, and not for {name}")
            if not any(getattr(bot, key, None) for key in ("token", "token_file")):
                raise ValueError(f"give {name} a token or a token_file")
        return value

    @model_validator(mode="after")
    def _each_secret_once(self) -> Self:
        for name in type(self).model_fields:
            if getattr(self, name) and getattr(self, f"{name}_file", None):
                raise ValueError(f"give {name} or {name}_file, not both")
        return self

    def secret(self, name: str) -> SecretStr | None:
        """Return a secret from wherever it was given. Refused when its file cannot be read, or when it can be none."""
        file: Path | None = getattr(self, f"{name}_file")
        given: SecretStr | None = getattr(self, name)
        text = given.get_secret_value() if given else None
        where = f"{self.place}.{name}"
        if file is not None:
            where = f"{where}_file: {file}"
            try:
                text = secret_of(file)
            except UnreadableText as why:
                raise Refused(f"{where} {why}.") from None
        text = text and text.strip()
        if text and name in self.looks_like:
            pattern, sentence = self.looks_like[name]
            if not re.fullmatch(pattern, text):
                raise Refused(f"{where} {sentence}")
        return None if text is None else SecretStr(text)

    def secrets(self) -> tuple[str, ...]:
        """Return every secret that is set, for the log to leave out. Refused as for `secret`."""
        names = (name for name, field in type(self).model_fields.items() if "SecretStr" in str(field.annotation))
        found = (self.secret(name) if hasattr(self, f"{name}_file") else getattr(self, name) for name in names)
        return (*(secret.get_secret_value() for secret in found if secret), *secrets_in(self))


def place_of(bot: str) -> str:
    """Return where a bot stands in the configuration, by the word that is stored with its chats."""
    platform, name = platform_of(bot), name_of(bot)
    return f"{platform}.bots.{name}" if name else platform


@cache
def sections() -> Mapping[str, type[ChannelConfig]]:
    """Return the section of each channel by its name. Walks handlers/channels/ once."""
    from handlers import channels  # noqa: PLC0415 - the folder that this file lies in

    found = {}
    for folder in pkgutil.iter_modules(channels.__path__, f"{channels.__name__}."):
        if folder.ispkg:
            module = importlib.import_module(f"{folder.name}.config")
            (section,) = (
                kind
                for kind in vars(module).values()
                if isinstance(kind, type) and issubclass(kind, ChannelConfig) and kind.__module__ == module.__name__
            )
            found[section.platform()] = section
    return MappingProxyType(found)


def running(channels: Iterable[ChannelConfig]) -> tuple[ChannelConfig, ...]:
    """Return those that are to run. Refused where two are one bot: each would take the other's commands."""
    every = tuple(channels)
    known: dict[str, ChannelConfig] = {}
    for channel in every:
        if "token" in type(channel).model_fields and (token := channel.secret("token")):
            same = known.setdefault(token.get_secret_value(), channel)
            if token.get_secret_value() and same is not channel:
                raise Refused(f"{same.place} and {channel.place} have the same token. Give each bot its own.")
    alone = not any(channel.runs(alone=False) for channel in every)
    return tuple(channel for channel in every if channel.runs(alone=alone))
