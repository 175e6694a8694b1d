"""What the owner may set: config.toml, environment (PERPULSE_...), or a file that holds a secret.

Unknown keys are refused, because a misspelt key that is silently ignored costs an evening.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from bot.market.tiers.config import TiersSection
from bot.processes.config import Roles  # noqa: TC001 - pydantic reads it
from bot.watch.config import BackupSection, WatchSection
from handlers.channels.addresses import ProxyAddress, ServerAddress, StreamAddress, secrets_in
from handlers.channels.config import running, sections
from handlers.channels.slips import slip, where
from handlers.channels.written import UnreadableText, text_of
from handlers.command import Refused
from handlers.language.kinds import zone_named
from handlers.limits import LIMITS, RuleLimits
from signals.assets import UnreadableSymbol, followed
from signals.venues import OPTIONS, READ, STREAMED, USUAL, VENUES, venue_named
from storage.engine.place import Server, place_given
from storage.engine.sharing.leases import ROLES
from storage.people.bots import name_of, platform_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo

    from handlers.channels.config import ChannelConfig

PREFIX = "PERPULSE_"
LONGEST_FILE = 1 << 20  # bytes; with a hundred bots it has a tenth of it
LONGEST_LOOK_BACK = 800  # days; a test holds it against the metrics


class ConfigError(Exception):
    """The configuration cannot be used; the text names file, key and what to write instead."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _venue(text: str) -> str:
    if text not in READ:
        raise ValueError(f"it is no venue that figures are read from; known are {', '.join(READ)}")
    return text


Venue = Annotated[str, AfterValidator(_venue)]


class Market(_Section):
    """Where market data comes from."""

    venues: tuple[Venue, ...] = Field(
        USUAL,
        min_length=1,
        description=f"where to look; also {', '.join(venue for venue in READ if venue not in USUAL)}",
    )
    options: bool = Field(
        default=True, description=f"option chains and volatility index of {', '.join(OPTIONS)}, whatever the venues"
    )
    liquidations: bool = Field(default=True, description=f"liquidations as they happen: {', '.join(STREAMED)}")
    history: bool = Field(default=True, description="years of history from Binance's archive, in the background")
    proxy: ProxyAddress = Field(None, description="http://host:port, where the venue blocks this host's country")
    timeout_seconds: float = Field(10.0, gt=0, le=120, description="how long to wait for one answer")
    exchange_url: ServerAddress = Field(None, description="another server that speaks the venues' APIs, for tests")
    stream_url: StreamAddress = Field(None, description="another server that speaks the venues' streams, for tests")
    archive_url: ServerAddress = Field(None, description="another server that holds Binance's archive, for tests")
    stablecoins: bool = Field(default=True, description="supply of dollar stablecoins by DefiLlama")
    stablecoins_url: ServerAddress = Field(None, description="another server that speaks DefiLlama's API, for tests")
    fear_greed: bool = Field(default=True, description="Fear & Greed index by alternative.me")
    fear_greed_url: ServerAddress = Field(
        None, description="another server that speaks alternative.me's API, for tests"
    )
    hyperliquid_url: ServerAddress = Field(None, description="another server for followed addresses, for tests")

    @property
    def off(self) -> frozenset[str]:
        """Return the switches that are off, so that something is not collected."""
        read = any(VENUES[venue].options for venue in self.venues)  # they come with its other figures
        return frozenset(name for name, on in self if on is False and not (name == "options" and read))

    @field_validator("venues", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = value.replace(",", " ").split()
        if isinstance(value, list | tuple):
            value = [venue_named(venue) if isinstance(venue, str) else venue for venue in value]
            if len(set(map(str, value))) < len(value):
                raise ValueError("each venue once")
        return value


class Retention(_Section):
    """How long what is kept. Bars and hourly values stay for ever, unless history_days is set."""

    minutes_days: int = Field(3, ge=2, le=3650, description="every value as it came; then one each five minutes")
    five_minutes_days: int = Field(40, ge=2, le=3650, description="one value each five minutes; then one each hour")
    chains_days: int = Field(7, ge=1, le=3650, description="option chains as they came; then one each hour")
    messages_days: int = Field(30, ge=7, le=3650, description="what was sent to whom; episodes stay for ever")
    closed_days: int = Field(90, ge=1, le=3650, description="chats that are closed to the bot; then they are forgotten")
    history_days: int = Field(0, ge=0, le=36500, description="market data at all; 0 for ever, else 800 or more")

    @model_validator(mode="after")
    def _in_order(self) -> Retention:
        if self.five_minutes_days < self.minutes_days:
            raise ValueError("five_minutes_days must not be below minutes_days")
        if 0 < self.history_days < LONGEST_LOOK_BACK:
            raise ValueError(
                f"history_days must be 0 (for ever) or at least {LONGEST_LOOK_BACK}: two years are looked back on"
            )
        return self


class Rules(_Section):
    """How many rules of their own people may have. Identical rules of several chats are judged once."""

    of_a_chat: int = Field(LIMITS.of_a_chat, ge=0, le=100_000, description="in one chat; 0: nobody writes any")
    of_a_person: int = Field(LIMITS.of_a_person, ge=0, le=100_000, description="of one person, in all chats")
    of_an_owner: int = Field(LIMITS.of_an_owner, ge=0, le=100_000, description="of one owner of this bot, in all chats")
    in_all: int = Field(
        LIMITS.in_all, ge=0, le=100_000, description="of everybody; so many take a second at each close"
    )
    figures: int = Field(LIMITS.figures, ge=1, description="stored figures that one rule may have read at each close")

    @property
    def limits(self) -> RuleLimits:
        """Return them as commands know them."""
        return RuleLimits(**self.model_dump())


def _who(text: str) -> str:
    platform, _, name = text.partition(":")
    if name_of(platform) and platform_of(platform) in sections():
        raise ValueError(f"it holds for every bot of a platform: write {platform_of(platform)}, without a bot's name")
    if platform not in sections() or not re.fullmatch(r"-?\d{1,20}", name.strip(), re.ASCII):
        raise ValueError(f"write each as a platform and an id, like {next(iter(sections()))}:12345")
    return f"{platform}:{name.strip()}"


def _person(text: str) -> str:
    platform, _, name = _who(text).partition(":")
    if name.startswith("-"):
        raise ValueError(f"that is a group: a person's id has no minus, like {platform}:12345")
    return f"{platform}:{name}"


Who = Annotated[str, AfterValidator(_who)]
Person = Annotated[str, AfterValidator(_person)]


class AccessSection(_Section):
    """Who may do what. People, chats and groups are written as a platform and an id, like "telegram:12345"."""

    owners: tuple[Person, ...] = Field(
        (), description="whom the bot obeys; else who sends it the code printed at start"
    )
    who: Literal["everyone", "listed"] = Field("everyone", description='or "listed": owners, and whom these name:')
    people: tuple[Person, ...] = Field((), description="may use it anywhere; /allow lets more in while it runs")
    chats: tuple[Who, ...] = Field((), description="groups and channels in which everybody may use it")
    members_of: tuple[Who, ...] = Field((), description="groups whose members may use it anywhere")
    commands_in_groups: tuple[str, ...] = Field((), description='which commands groups have, as ["price"]; empty: all')

    @field_validator("commands_in_groups")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from handlers.command import commands  # noqa: PLC0415 - walks all commands, where some are named only

        names = tuple(name.lstrip("/").lower() for name in value)
        if unknown := [name for name in names if name not in commands()]:
            near = difflib.get_close_matches(unknown[0], commands(), 1)
            raise ValueError("it is no command" + (f"; did you mean {near[0]}" if near else ""))
        return names


def _asset(text: str) -> str:
    try:
        return followed(text).asset
    except UnreadableSymbol as why:
        raise ValueError(f"it {why.reason}. Write it like BTC") from None  # never the value: it may be a secret


Asset = Annotated[str, AfterValidator(_asset)]


def _zone(text: str) -> str:
    try:
        found = zone_named(text.strip().replace(" ", "_"))
    except Refused as why:
        raise ValueError(str(why)) from None
    if found is None:
        raise ValueError("it is no time zone. Write it like Europe/Berlin")
    return found


Zone = Annotated[str, AfterValidator(_zone)]
# Else the library takes a Server apart, and shows its password.
Database = Annotated[Path | Server, PlainValidator(place_given), PlainSerializer(str)]


class _Environment(EnvSettingsSource):
    """Settings of the environment: JSON, or what people type there (`PERPULSE_ASSETS=BTC,ETH`)."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """Return JSON decoded and anything else as it is, for the field itself to judge: the library raises."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


class _Config(BaseSettings):
    """Everything that can be set, but for the channels; each value has a default that works."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        nested_model_default_partial_update=True,
    )

    assets: tuple[Asset, ...] = Field(
        ("BTC", "ETH", "SOL"), min_length=1, max_length=1000, description="what to follow"
    )
    database: Database = Field(
        Path("data/perpulse.db"),
        description="the one file that perpulse remembers in, or a server: postgresql://user:password@host/perpulse",
    )
    log_level: Literal["info", "debug"] = Field("info", description="debug writes every request, without secrets")
    roles: Roles = Field(ROLES, description="what this process takes part in, where several share one database")
    time_zone: Zone = Field("UTC", description="the clock of chats that have not chosen theirs with /tz")
    market: Market = Market()
    tiers: TiersSection = TiersSection()
    retention: Retention = Retention()
    rules: Rules = Rules()
    access: AccessSection = AccessSection()
    watch: WatchSection = WatchSection()
    backup: BackupSection = BackupSection()

    @field_validator("assets", mode="before")
    @classmethod
    def _each_once(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = value.replace(",", " ").split()
        if isinstance(value, list | tuple):
            spelt = [name.upper() if isinstance(name, str) else name for name in value]
            if len(set(map(str, spelt))) < len(spelt):
                raise ValueError("each asset once")
        return value

    @field_validator("assets")
    @classmethod
    def _one_name(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(value))  # XBT and BTCUSDT are one coin

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library passes all by name
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, so that a container can be set without editing it."""
        return _Environment(settings_cls), init_settings

    @property
    def channels(self) -> tuple[ChannelConfig, ...]:
        """Return the section of each channel, and of each further bot of one."""
        return tuple(bot for name in sections() for bot in getattr(self, name).every())

    def speaking(self) -> tuple[ChannelConfig, ...]:
        """Return the sections of the channels that are to run. Refused where a secret's file cannot be read."""
        return running(self.channels)

    def secrets(self) -> tuple[str, ...]:
        """Return every secret that was given, of channels and of other sections, for the log to leave out."""
        keys = (self.tiers.binance_key, self.tiers.binance_secret, self.watch.dead_mans_switch)
        return (
            *(secret for channel in self.channels for secret in channel.secrets()),
            *(key.get_secret_value() for key in keys if key),
            *secrets_in(self.market),
            *(self.database.secrets if isinstance(self.database, Server) else ()),
        )


if TYPE_CHECKING:
    Config = _Config  # which channels there are is known when it runs; what is said here needs only their number
else:
    Config = create_model(
        "Config", __base__=_Config, **{name: (section, section()) for name, section in sections().items()}
    )


def load(path: Path | None) -> Config:
    """Read the configuration. ConfigError says file, key, what is wrong and what to write."""
    text = ""
    if path is not None:
        try:
            text = text_of(path, LONGEST_FILE)
        except FileNotFoundError:
            raise ConfigError(
                f"{path} does not exist. Copy config.example.toml to it, or run `perpulse init`."
            ) from None
        except UnreadableText as why:
            raise ConfigError(f"{path} {why}.") from None
    return read(text, path)


def read(text: str, path: Path | None) -> Config:
    """Read the text of a configuration, which stands in `path` or will. ConfigError as for `load`."""
    _look_for_slips(os.environ)
    try:
        return Config(**tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}. Strings need quotes, lists need brackets.") from None
    except ValidationError as error:
        raise ConfigError("\n".join(_lines(path, error))) from None


def _look_for_slips(environment: Mapping[str, str]) -> None:
    """Refuse a variable that is nearly one of ours; others may be somebody else's."""
    settings = [f"{PREFIX}{name.upper()}" for name in Config.model_fields]
    keys = [
        f"{PREFIX}{name.upper()}__{key.upper()}"
        for name, section in _sections().items()
        for key in type(section).model_fields
    ]
    for name in environment:
        own = name.upper()
        if own.startswith(PREFIX) and own.partition("__")[0] not in settings:
            for meant in _meant(own, settings, keys):
                raise ConfigError(f"environment: unknown variable {name}. Did you mean {meant}?")


def _meant(own: str, settings: list[str], keys: list[str]) -> Iterator[str]:
    """Yield which of our variables one may be meant for, the likeliest first."""
    plain = own.replace("_", "")
    yield from (known for known in (*settings, *keys) if known.replace("_", "") == plain)  # one underscore for two
    section, *key = own.partition("__")
    yield from ("".join((near, *key)) for near in difflib.get_close_matches(section, settings, 1, 0.9))
    of_a_section = [known for known in keys if known.endswith(f"__{own.removeprefix(PREFIX)}")]
    yield from [" or ".join(of_a_section)] if of_a_section else []  # a key without its section
    yield from difflib.get_close_matches(own, keys, 1, 0.9)


def _lines(path: Path | None, error: ValidationError) -> list[str]:
    """Return one line a key: a list with a bad member is also too short, which helps nobody."""
    first: dict[str, str] = {}
    for problem in error.errors():
        first.setdefault(".".join(map(str, problem["loc"])), _line(problem))
    kept = {key: line for key, line in first.items() if not any(other.startswith(f"{key}.") for other in first)}
    return [f"{_place(path, key)}: {line}" for key, line in kept.items()]


def _place(path: Path | None, key: str) -> str:
    """Say where a setting comes from: the environment wins over the file."""
    parts = key.upper().split(".")
    names = {f"{PREFIX}{'__'.join(parts[:count])}" for count in range(1, len(parts) + 1)}
    given = {name.upper(): name for name in os.environ}
    found = (f"environment, {given[name]}" for name in sorted(names, reverse=True) if name in given)
    return next(found, str(path or "environment"))


def _line(problem: Any) -> str:
    """Return one problem as a sentence. The value is never printed: it may be a secret in the wrong place."""
    named = where(problem["loc"])
    if problem["type"] in {"model_type", "model_attributes_type"}:
        section = [str(part) for part in problem["loc"]]
        key = next(iter(_keys(section)), "key")
        name = f"{PREFIX}{'__'.join((*section, key))}".upper()
        return f"{named} is a section: set its keys, as {key} under [{named}] or {name}."
    if problem["type"] != "extra_forbidden":
        return f"{named}: {slip(problem)}."
    *section, key = (str(part) for part in problem["loc"])
    known = _keys(section)
    near = difflib.get_close_matches(key, known, 1)
    return f"unknown key {named!r}. " + (f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}.")


def _keys(section: list[str]) -> list[str]:
    """Return the keys of a section, or of one within it; none of what is no section."""
    model: Any = Config
    for part in section:
        if isinstance(model, type) and issubclass(model, BaseModel):
            model = model.model_fields[part].annotation if part in model.model_fields else None
        else:  # a table by name: the name of one is anything
            model = (get_args(model) or (None,))[-1]
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _sections() -> dict[str, BaseModel]:
    """Return every section with its defaults by name: the channels first, as most of what is to be set is there."""
    found = {name: field.default for name, field in Config.model_fields.items() if isinstance(field.default, BaseModel)}
    return {name: found[name] for name in dict.fromkeys((*sections(), *found))}


def example() -> str:
    """Return config.example.toml, made from the declarations above."""
    lines = ["# perpulse works without this file. Copy it to config.toml and change what you need.", ""]
    for name, field in Config.model_fields.items():
        if isinstance(field.default, BaseModel):
            continue
        lines += [f"# {field.description}", f"{name} = {_toml(field.default)}", ""]
    for name, section in _sections().items():
        fields = type(section).model_fields
        if not fields:
            continue
        lines += [f"# {type(section).__doc__}", f"[{name}]"]
        for key, field in fields.items():
            value = "# " * (field.default in (None, {})) + f"{key} = {_toml(field.default)}"
            lines += [f"{value}  # {field.description}"]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(member) for member in value) + "]"
    if isinstance(value, int | float | dict):  # no dict but an empty one is a default
        return str(value)
    return f'"{"" if value is None else value}"'
