"""Each channel's own section of config.toml. A channel is found by its config.py."""

from __future__ import annotations

import importlib
import pkgutil
import re
from abc import ABC, abstractmethod
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import BaseModel, ConfigDict, SecretStr, model_validator

from handlers.command import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from handlers.channels.channel import Channel, Outside


class ChannelConfig(BaseModel, ABC):
    """What the owner may set of one channel, and what others have to know of it before it is made.

    The docstring of a section and the description of each field are its comments in config.example.toml. A field
    `token` with a field `token_file` beside it may be given by either; `secret("token")` reads whichever it is.

    title: what people call it. made_by: where whoever has no bot there gets one, in a sentence. needs: what it cannot
    run without, in a few words; None if nothing. libraries: what it imports, as packages are called. talkers: loggers
    that print secrets below WARNING. terse: loggers whose sentence says it all, so that a traceback helps nobody but in
    debug. secret_shapes: patterns of its secrets in foreign texts.
    looks_like: for a secret that cannot be anything, what it matches, and how to say that it does not.
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
        where = f"{self.platform()}.{name}"
        if file is not None:
            where = f"{where}_file: {file}"
            try:
                text = file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                why = getattr(error, "strerror", None) or "it is not text in UTF-8"
                raise Refused(f"{where} cannot be read ({why}).") from None
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
        return tuple(secret.get_secret_value() for secret in found if secret)


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
    """Return those that are to run."""
    every = tuple(channels)
    alone = not any(channel.runs(alone=False) for channel in every)
    return tuple(channel for channel in every if channel.runs(alone=alone))
