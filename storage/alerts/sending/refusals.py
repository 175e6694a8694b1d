"""Which platforms refuse the bot's token, and since when; kept so that /status can say it in any process."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from storage.engine import settings

if TYPE_CHECKING:
    from storage.engine.database import Store
    from storage.engine.work import Work

_PREFIX: Final = "token refused."
_TOLD: Final = "refused token told."


@dataclass(frozen=True, slots=True)
class TokenRefusal:
    """A platform refuses the token since a time, with what to do about it."""

    platform: str
    since: datetime
    reason: str


def note(work: Work, refusal: TokenRefusal) -> None:
    """Keep that a platform refuses the token."""
    settings.keep_setting(work, _PREFIX + refusal.platform, f"{refusal.since.isoformat()} {refusal.reason}")
    settings.keep_setting(work, _TOLD + refusal.platform, refusal.since.isoformat())


def untried(work: Work, platform: str) -> None:
    """Keep that a platform is yet to be tried; that its refusal was told stays known."""
    settings.keep_setting(work, _PREFIX + platform, "")


def over(work: Work, platform: str) -> None:
    """Keep that a platform takes the token again."""
    untried(work, platform)
    settings.keep_setting(work, _TOLD + platform, "")


def told(store: Store, platform: str) -> bool:
    """Tell whether people were told that a platform refuses the token, and not yet that it is over."""
    return bool(settings.setting(store, _TOLD + platform))


def of(store: Store) -> tuple[TokenRefusal, ...]:
    """Return the platforms that refuse the token."""
    kept = {platform: said.partition(" ") for platform, said in settings.settings_of(store, _PREFIX).items() if said}
    return tuple(
        TokenRefusal(platform, datetime.fromisoformat(since), reason) for platform, (since, _, reason) in kept.items()
    )
