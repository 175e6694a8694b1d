"""Settings of the program itself, which have no table of their own: a name and a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from storage.engine.sql import queries

if TYPE_CHECKING:
    from storage.engine.database import Store
    from storage.engine.work import Work

SQL: Final = queries("storage.engine")


def setting(store: Store, name: str) -> str | None:
    """Return what is kept under a name; None where nothing is."""
    row = store.read_one(SQL.setting, name=name)
    return None if row is None else str(row["value"])


def keep_setting(work: Work, name: str, value: str) -> None:
    """Keep a text under a name, in place of what was there."""
    work.run(SQL.keep_setting, name=name, value=value)


def drop_setting(work: Work, name: str) -> None:
    """Keep nothing under a name any more."""
    work.run(SQL.drop_setting, name=name)


def settings_of(store: Store, prefix: str) -> dict[str, str]:
    """Return the settings whose name begins with a prefix, by what follows it."""
    return {name.removeprefix(prefix): value for name, value in store.read_plain(SQL.settings_of, prefix=prefix)}
