"""The schema, one numbered step after another. A step that has shipped is never edited: a change is a new step.

Each step is literal and imports nothing of ours: what it did to the databases that are out there is what it does for
ever, whatever the rest of the program calls things by then.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SET = "perpulse"


def m001_points(db: Any) -> None:
    """Raw series as wide rows: 13 bytes a value against 55 in a long table with text keys."""
    db.execute(
        "CREATE TABLE bars (asset TEXT NOT NULL, venue TEXT NOT NULL, step INTEGER NOT NULL, at INTEGER NOT NULL, "
        "open REAL, high REAL, low REAL, close REAL, volume_usd REAL, taker_buy_usd REAL, "
        "liquidated_longs_usd REAL, liquidated_shorts_usd REAL, "
        "PRIMARY KEY (asset, venue, step, at)) STRICT, WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE levels (asset TEXT NOT NULL, venue TEXT NOT NULL, at INTEGER NOT NULL, "
        "mark_price REAL, index_price REAL, spot_price REAL, open_interest_coin REAL, "
        "open_interest_usd REAL, funding_rate REAL, funding_interval_hours REAL, long_short_accounts REAL, "
        "long_short_top_accounts REAL, long_short_top_positions REAL, depth_bids_usd REAL, "
        "depth_asks_usd REAL, implied_volatility REAL, stablecoin_supply_usd REAL, fear_greed REAL, "
        "PRIMARY KEY (asset, venue, at)) STRICT, WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE source_health (source TEXT NOT NULL, topic TEXT NOT NULL, state TEXT NOT NULL, "
        "since INTEGER NOT NULL, last_good INTEGER, next_try INTEGER, error TEXT, "
        "quarantined INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (source, topic)) STRICT, WITHOUT ROWID"
    )
    db.execute("CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID")


def m002_alerts(db: Any) -> None:
    """Where each alarm stands, the episodes it made, and what is to be told about them."""
    db.execute(
        "CREATE TABLE episodes (id INTEGER PRIMARY KEY, watch TEXT NOT NULL, asset TEXT NOT NULL, "
        "since INTEGER NOT NULL, fired INTEGER NOT NULL, ended INTEGER, rank TEXT NOT NULL, "
        "first_values TEXT NOT NULL, last_values TEXT NOT NULL) STRICT"
    )
    db.execute("CREATE INDEX episodes_by_watch ON episodes (watch, asset, fired)")
    db.execute(
        "CREATE TABLE watch_states (watch TEXT NOT NULL, asset TEXT NOT NULL, state TEXT NOT NULL, "
        "episode INTEGER REFERENCES episodes, PRIMARY KEY (watch, asset)) STRICT, WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE destinations (id INTEGER PRIMARY KEY, platform TEXT NOT NULL, chat TEXT NOT NULL, "
        "topic TEXT NOT NULL DEFAULT '', kind TEXT NOT NULL, title TEXT, zone TEXT NOT NULL DEFAULT 'UTC', "
        "created INTEGER NOT NULL, gone INTEGER, gone_reason TEXT, UNIQUE (platform, chat, topic)) STRICT"
    )
    db.execute(
        "CREATE TABLE subscriptions (destination INTEGER NOT NULL REFERENCES destinations ON DELETE CASCADE, "
        "watch TEXT NOT NULL, asset TEXT NOT NULL, PRIMARY KEY (destination, watch, asset)) STRICT, WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE notices (id INTEGER PRIMARY KEY, episode INTEGER REFERENCES episodes, kind TEXT NOT NULL, "
        "watch TEXT, asset TEXT, rank TEXT NOT NULL, at INTEGER NOT NULL, payload TEXT NOT NULL) STRICT"
    )
    db.execute(
        "CREATE TABLE outbox (id INTEGER PRIMARY KEY, notice INTEGER NOT NULL REFERENCES notices, "
        "destination INTEGER NOT NULL REFERENCES destinations ON DELETE CASCADE, nonce TEXT NOT NULL, "
        "priority INTEGER NOT NULL, not_before INTEGER NOT NULL, expires INTEGER NOT NULL, "
        "state TEXT NOT NULL, epoch INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, "
        "reason TEXT, message TEXT, plain INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL, settled INTEGER, "
        "UNIQUE (notice, destination)) STRICT"
    )
    # Only live rows are searched; settled ones, which soon are the many, stay out of the index.
    db.execute(
        "CREATE INDEX outbox_live ON outbox (priority DESC, id) WHERE state IN ('queued', 'sending', 'uncertain')"
    )
    db.execute(
        "CREATE TABLE messages (episode INTEGER NOT NULL REFERENCES episodes, destination INTEGER NOT NULL "
        "REFERENCES destinations ON DELETE CASCADE, message TEXT NOT NULL, "
        "PRIMARY KEY (episode, destination)) STRICT, WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE leases (name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, beat INTEGER NOT NULL) "
        "STRICT, WITHOUT ROWID"
    )


def m003_directories(db: Any) -> None:
    """Directories of series and of what is being sent: nobody scans two years to learn the newest hour."""
    db.execute(
        "CREATE TABLE series (asset TEXT NOT NULL, input TEXT NOT NULL, venue TEXT NOT NULL, step INTEGER NOT NULL, "
        "first INTEGER NOT NULL, last INTEGER NOT NULL, "
        "PRIMARY KEY (asset, input, venue, step)) STRICT, WITHOUT ROWID"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'open', venue, step, min(at), max(at) "
        "FROM bars WHERE open IS NOT NULL GROUP BY asset, venue, step"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'high', venue, step, min(at), max(at) "
        "FROM bars WHERE high IS NOT NULL GROUP BY asset, venue, step"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'low', venue, step, min(at), max(at) "
        "FROM bars WHERE low IS NOT NULL GROUP BY asset, venue, step"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'close', venue, step, min(at), max(at) "
        "FROM bars WHERE close IS NOT NULL GROUP BY asset, venue, step"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'volume_usd', venue, step, min(at), max(at) "
        "FROM bars WHERE volume_usd IS NOT NULL GROUP BY asset, venue, step"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'taker_buy_usd', venue, step, min(at), max(at) "
        "FROM bars WHERE taker_buy_usd IS NOT NULL GROUP BY asset, venue, step"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'liquidated_longs_usd', venue, step, min(at), max(at) "
        "FROM bars WHERE liquidated_longs_usd IS NOT NULL GROUP BY asset, venue, step"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'liquidated_shorts_usd', venue, step, min(at), max(at) "
        "FROM bars WHERE liquidated_shorts_usd IS NOT NULL GROUP BY asset, venue, step"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'mark_price', venue, 0, min(at), max(at) "
        "FROM levels WHERE mark_price IS NOT NULL GROUP BY asset, venue"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'index_price', venue, 0, min(at), max(at) "
        "FROM levels WHERE index_price IS NOT NULL GROUP BY asset, venue"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'spot_price', venue, 0, min(at), max(at) "
        "FROM levels WHERE spot_price IS NOT NULL GROUP BY asset, venue"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'open_interest_coin', venue, 0, min(at), max(at) "
        "FROM levels WHERE open_interest_coin IS NOT NULL GROUP BY asset, venue"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'open_interest_usd', venue, 0, min(at), max(at) "
        "FROM levels WHERE open_interest_usd IS NOT NULL GROUP BY asset, venue"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'funding_rate', venue, 0, min(at), max(at) "
        "FROM levels WHERE funding_rate IS NOT NULL GROUP BY asset, venue"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'funding_interval_hours', venue, 0, min(at), max(at) "
        "FROM levels WHERE funding_interval_hours IS NOT NULL GROUP BY asset, venue"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'long_short_accounts', venue, 0, min(at), max(at) "
        "FROM levels WHERE long_short_accounts IS NOT NULL GROUP BY asset, venue"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'long_short_top_accounts', venue, 0, min(at), max(at) "
        "FROM levels WHERE long_short_top_accounts IS NOT NULL GROUP BY asset, venue"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'long_short_top_positions', venue, 0, min(at), max(at) "
        "FROM levels WHERE long_short_top_positions IS NOT NULL GROUP BY asset, venue"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'depth_bids_usd', venue, 0, min(at), max(at) "
        "FROM levels WHERE depth_bids_usd IS NOT NULL GROUP BY asset, venue"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'depth_asks_usd', venue, 0, min(at), max(at) "
        "FROM levels WHERE depth_asks_usd IS NOT NULL GROUP BY asset, venue"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'implied_volatility', venue, 0, min(at), max(at) "
        "FROM levels WHERE implied_volatility IS NOT NULL GROUP BY asset, venue"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'stablecoin_supply_usd', venue, 0, min(at), max(at) "
        "FROM levels WHERE stablecoin_supply_usd IS NOT NULL GROUP BY asset, venue"
    )
    db.execute(
        "INSERT INTO series SELECT asset, 'fear_greed', venue, 0, min(at), max(at) "
        "FROM levels WHERE fear_greed IS NOT NULL GROUP BY asset, venue"
    )
    # One notice per change of an episode: announcing it twice is harmless.
    db.execute("CREATE UNIQUE INDEX notices_once ON notices (episode, kind, at) WHERE episode IS NOT NULL")
    db.execute("CREATE INDEX outbox_sending ON outbox (destination) WHERE state = 'sending'")
    db.execute("ALTER TABLE destinations ADD COLUMN rests_until INTEGER")


def m004_default_venue(db: Any) -> None:
    """Remember the exchange that a chat means when it names none; NULL where none was chosen."""
    db.execute("ALTER TABLE destinations ADD COLUMN venue TEXT")


def m005_coverage(db: Any) -> None:
    """Which files of an archive have been read, and the stretches of history that nobody has."""
    db.execute(
        "CREATE TABLE archive_files (path TEXT PRIMARY KEY, state TEXT NOT NULL, checksum TEXT, "
        "row_count INTEGER NOT NULL DEFAULT 0, asked INTEGER NOT NULL) STRICT, WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE gaps (asset TEXT NOT NULL, venue TEXT NOT NULL, input_group TEXT NOT NULL, "
        "start INTEGER NOT NULL, until INTEGER NOT NULL, reason TEXT NOT NULL, "
        "PRIMARY KEY (asset, venue, input_group, start)) STRICT, WITHOUT ROWID"
    )


def m006_positions(db: Any) -> None:
    """Keep what people watch for themselves: positions they typed, and addresses whose positions are public.

    Private to their owner, the platform's id of a person; a position that belongs to an address has no number.
    """
    db.execute(
        "CREATE TABLE followed (id INTEGER PRIMARY KEY, destination INTEGER NOT NULL REFERENCES destinations "
        "ON DELETE CASCADE, platform TEXT NOT NULL, owner TEXT NOT NULL, number INTEGER NOT NULL, "
        "address TEXT NOT NULL, name TEXT, lines TEXT NOT NULL, begun INTEGER NOT NULL, seen INTEGER, "
        "silent INTEGER NOT NULL DEFAULT 0, UNIQUE (platform, owner, address)) STRICT"
    )
    db.execute(
        "CREATE TABLE positions (id INTEGER PRIMARY KEY AUTOINCREMENT, "
        "destination INTEGER NOT NULL REFERENCES destinations "
        "ON DELETE CASCADE, platform TEXT NOT NULL, owner TEXT NOT NULL, number INTEGER, "
        "followed INTEGER REFERENCES followed ON DELETE CASCADE, asset TEXT NOT NULL, venue TEXT NOT NULL, "
        "contract TEXT NOT NULL, side TEXT NOT NULL, entry REAL NOT NULL, leverage REAL NOT NULL, size_coins REAL, "
        "size_usd REAL, name TEXT, lines TEXT NOT NULL, begun INTEGER NOT NULL, state TEXT NOT NULL, "
        "episode INTEGER REFERENCES episodes, table_of TEXT, silent INTEGER NOT NULL DEFAULT 0, "
        "given REAL, mark REAL, seen INTEGER) STRICT"
    )
    db.execute("CREATE INDEX positions_of ON positions (platform, owner)")
    db.execute("CREATE INDEX positions_followed ON positions (followed) WHERE followed IS NOT NULL")


def m007_liquidation_hours(db: Any) -> None:
    """Liquidations by hour as the streams heard them: the hour that is running, and the ones heard in part."""
    db.execute(
        "CREATE TABLE liquidation_hours (asset TEXT NOT NULL, venue TEXT NOT NULL, at INTEGER NOT NULL, "
        "longs_usd REAL NOT NULL, shorts_usd REAL NOT NULL, covered INTEGER NOT NULL, "
        "rejected INTEGER NOT NULL DEFAULT 0, whole INTEGER NOT NULL DEFAULT 0, "
        "PRIMARY KEY (asset, venue, at)) STRICT, WITHOUT ROWID"
    )


def m008_options(db: Any) -> None:
    """Option chains by expiry and strike: no venue gives them back, so they are kept from the first day."""
    db.execute(
        "CREATE TABLE options (asset TEXT NOT NULL, venue TEXT NOT NULL, at INTEGER NOT NULL, expiry INTEGER NOT NULL, "
        "strike REAL NOT NULL, type TEXT NOT NULL, open_interest_coin REAL NOT NULL, iv REAL, "
        "PRIMARY KEY (asset, venue, at, expiry, strike, type)) STRICT, WITHOUT ROWID"
    )


def m009_positions_looked_at(db: Any) -> None:
    """Until when the past of a position was looked at, whether it may be gone, and margin added to it."""
    db.execute("ALTER TABLE positions ADD COLUMN looked INTEGER")
    db.execute("ALTER TABLE positions ADD COLUMN doubt INTEGER")
    db.execute("ALTER TABLE positions ADD COLUMN added REAL NOT NULL DEFAULT 0")


def m010_history_kept_up(db: Any) -> None:
    """Pasts that were put off, and where a day of the archive differs from what had come live."""
    db.execute(
        "CREATE TABLE history_owed (venue TEXT NOT NULL, topic TEXT NOT NULL, asset TEXT NOT NULL, "
        "since INTEGER NOT NULL, PRIMARY KEY (venue, topic, asset)) STRICT, WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE archive_differences (asset TEXT NOT NULL, venue TEXT NOT NULL, input TEXT NOT NULL, "
        "at INTEGER NOT NULL, compared INTEGER NOT NULL, differing INTEGER NOT NULL, largest REAL NOT NULL, "
        "PRIMARY KEY (asset, venue, input, at)) STRICT, WITHOUT ROWID"
    )


def m011_settlements(db: Any) -> None:
    """Funding as it was settled: facts of their own, beside the rates that venues announce.

    Until now a settlement was a row of `levels` within five minutes after the hour that had no mark price beside it.
    """
    db.execute(
        "CREATE TABLE settlements (asset TEXT NOT NULL, venue TEXT NOT NULL, at INTEGER NOT NULL, "
        "funding_rate REAL NOT NULL, funding_interval_hours REAL, "
        "PRIMARY KEY (asset, venue, at)) STRICT, WITHOUT ROWID"
    )
    db.execute(
        "INSERT INTO settlements SELECT asset, venue, at, funding_rate, funding_interval_hours FROM levels "
        "WHERE funding_rate IS NOT NULL AND mark_price IS NULL AND at % 3600000 < 300000"
    )
    db.execute(
        "UPDATE levels SET funding_rate = NULL, funding_interval_hours = NULL "
        "WHERE funding_rate IS NOT NULL AND mark_price IS NULL AND at % 3600000 < 300000"
    )
    db.execute(
        "DELETE FROM levels WHERE mark_price IS NULL AND index_price IS NULL AND spot_price IS NULL "
        "AND open_interest_coin IS NULL AND open_interest_usd IS NULL AND funding_rate IS NULL "
        "AND funding_interval_hours IS NULL AND long_short_accounts IS NULL AND long_short_top_accounts IS NULL "
        "AND long_short_top_positions IS NULL AND depth_bids_usd IS NULL AND depth_asks_usd IS NULL "
        "AND implied_volatility IS NULL AND stablecoin_supply_usd IS NULL AND fear_greed IS NULL"
    )


def m012_canonical_names(db: Any) -> None:
    """One name for each coin: PEPE for 1000PEPE (its prices divided, its coins multiplied), BTC for XBT, POL for MATIC.

    Where both names have a row of one time, that with more values counts and the other fills what it lacks; an hour of
    liquidations is that which was heard longer. Of two alarms the one with an open episode goes on, and the other's is
    over. A position keeps the prices its owner typed, with the number of coins they are of.
    """
    db.execute("CREATE TEMP TABLE canonical (old TEXT PRIMARY KEY, name TEXT NOT NULL, multiplier INTEGER NOT NULL)")
    db.execute(
        "INSERT INTO canonical SELECT asset, asset, 1 FROM (SELECT asset FROM series UNION SELECT asset FROM "
        "liquidation_hours UNION SELECT asset FROM options UNION SELECT asset FROM gaps UNION SELECT asset FROM "
        "history_owed UNION SELECT asset FROM archive_differences UNION SELECT asset FROM episodes UNION SELECT "
        "asset FROM watch_states UNION SELECT asset FROM subscriptions UNION SELECT asset FROM notices UNION "
        "SELECT asset FROM positions) WHERE asset IS NOT NULL"
    )
    db.execute(
        "UPDATE canonical SET name = substr(name, 8), multiplier = 1000000 WHERE multiplier = 1 AND name GLOB "
        "'1000000[^0-9]*'"
    )
    db.execute(
        "UPDATE canonical SET name = substr(name, 7), multiplier = 100000 WHERE multiplier = 1 AND name GLOB "
        "'100000[^0-9]*'"
    )
    db.execute(
        "UPDATE canonical SET name = substr(name, 6), multiplier = 10000 WHERE multiplier = 1 AND name GLOB "
        "'10000[^0-9]*'"
    )
    db.execute(
        "UPDATE canonical SET name = substr(name, 5), multiplier = 1000 WHERE multiplier = 1 AND name GLOB "
        "'1000[^0-9]*'"
    )
    db.execute(
        "UPDATE canonical SET name = substr(name, 3), multiplier = 1000000 WHERE multiplier = 1 AND name GLOB "
        "'1M[^0-9]*'"
    )
    db.execute(
        "UPDATE canonical SET name = upper(substr(name, 2)), multiplier = 1000 WHERE multiplier = 1 AND (name "
        "GLOB 'k[A-Z]*' OR name IN ('KBONK', 'KDOGS', 'KFLOKI', 'KLUNC', 'KNEIRO', 'KPEPE', 'KSHIB'))"
    )
    db.execute(
        "UPDATE canonical SET name = substr(name, 1, length(name) - 7), multiplier = 1000000 WHERE multiplier = 1 "
        "AND name GLOB '[A-Z][A-Z]*1000000' AND substr(name, 1, length(name) - 7) NOT GLOB '*[^A-Z]*'"
    )
    db.execute(
        "UPDATE canonical SET name = substr(name, 1, length(name) - 6), multiplier = 100000 WHERE multiplier = 1 "
        "AND name GLOB '[A-Z][A-Z]*100000' AND substr(name, 1, length(name) - 6) NOT GLOB '*[^A-Z]*'"
    )
    db.execute(
        "UPDATE canonical SET name = substr(name, 1, length(name) - 5), multiplier = 10000 WHERE multiplier = 1 "
        "AND name GLOB '[A-Z][A-Z]*10000' AND substr(name, 1, length(name) - 5) NOT GLOB '*[^A-Z]*'"
    )
    db.execute(
        "UPDATE canonical SET name = substr(name, 1, length(name) - 4), multiplier = 1000 WHERE multiplier = 1 "
        "AND name GLOB '[A-Z][A-Z]*1000' AND substr(name, 1, length(name) - 4) NOT GLOB '*[^A-Z]*'"
    )
    db.execute(
        "UPDATE canonical SET name = CASE name WHEN 'XBT' THEN 'BTC' WHEN 'XDG' THEN 'DOGE' WHEN 'GNT' THEN 'GLM' "
        "WHEN 'RNDR' THEN 'RENDER' WHEN 'MATIC' THEN 'POL' WHEN 'KLAY' THEN 'KAIA' WHEN 'DAR' THEN 'D' WHEN 'FTM' "
        "THEN 'S' WHEN 'BNX' THEN 'FORM' WHEN 'STPT' THEN 'AWE' WHEN 'EOS' THEN 'A' ELSE name END"
    )
    db.execute("DELETE FROM canonical WHERE name = old")
    db.execute(
        "INSERT INTO bars (asset, venue, step, at, open, high, low, close, volume_usd, taker_buy_usd, "
        "liquidated_longs_usd, liquidated_shorts_usd) SELECT name, was.venue, was.step, was.at, was.open / "
        "multiplier, was.high / multiplier, was.low / multiplier, was.close / multiplier, was.volume_usd, "
        "was.taker_buy_usd, was.liquidated_longs_usd, was.liquidated_shorts_usd FROM bars was JOIN canonical ON "
        "old = was.asset JOIN bars kept ON kept.asset = name AND kept.venue = was.venue AND kept.step = was.step "
        "AND kept.at = was.at WHERE (was.open IS NULL) + (was.high IS NULL) + (was.low IS NULL) + (was.close IS "
        "NULL) + (was.volume_usd IS NULL) + (was.taker_buy_usd IS NULL) + (was.liquidated_longs_usd IS NULL) + "
        "(was.liquidated_shorts_usd IS NULL) < (kept.open IS NULL) + (kept.high IS NULL) + (kept.low IS NULL) + "
        "(kept.close IS NULL) + (kept.volume_usd IS NULL) + (kept.taker_buy_usd IS NULL) + "
        "(kept.liquidated_longs_usd IS NULL) + (kept.liquidated_shorts_usd IS NULL) ON CONFLICT DO UPDATE SET "
        "open = coalesce(excluded.open, open), high = coalesce(excluded.high, high), low = coalesce(excluded.low, "
        "low), close = coalesce(excluded.close, close), volume_usd = coalesce(excluded.volume_usd, volume_usd), "
        "taker_buy_usd = coalesce(excluded.taker_buy_usd, taker_buy_usd), liquidated_longs_usd = "
        "coalesce(excluded.liquidated_longs_usd, liquidated_longs_usd), liquidated_shorts_usd = "
        "coalesce(excluded.liquidated_shorts_usd, liquidated_shorts_usd)"
    )
    db.execute(
        "INSERT INTO bars (asset, venue, step, at, open, high, low, close, volume_usd, taker_buy_usd, "
        "liquidated_longs_usd, liquidated_shorts_usd) SELECT name, was.venue, was.step, was.at, was.open / "
        "multiplier, was.high / multiplier, was.low / multiplier, was.close / multiplier, was.volume_usd, "
        "was.taker_buy_usd, was.liquidated_longs_usd, was.liquidated_shorts_usd FROM bars was JOIN canonical ON "
        "old = was.asset WHERE true ON CONFLICT DO UPDATE SET open = coalesce(open, excluded.open), high = "
        "coalesce(high, excluded.high), low = coalesce(low, excluded.low), close = coalesce(close, "
        "excluded.close), volume_usd = coalesce(volume_usd, excluded.volume_usd), taker_buy_usd = "
        "coalesce(taker_buy_usd, excluded.taker_buy_usd), liquidated_longs_usd = coalesce(liquidated_longs_usd, "
        "excluded.liquidated_longs_usd), liquidated_shorts_usd = coalesce(liquidated_shorts_usd, "
        "excluded.liquidated_shorts_usd)"
    )
    db.execute("DELETE FROM bars WHERE asset IN (SELECT old FROM canonical)")
    db.execute(
        "INSERT INTO levels (asset, venue, at, mark_price, index_price, spot_price, open_interest_coin, "
        "open_interest_usd, funding_rate, funding_interval_hours, long_short_accounts, long_short_top_accounts, "
        "long_short_top_positions, depth_bids_usd, depth_asks_usd, implied_volatility, stablecoin_supply_usd, "
        "fear_greed) SELECT name, was.venue, was.at, was.mark_price / multiplier, was.index_price / multiplier, "
        "was.spot_price / multiplier, was.open_interest_coin * multiplier, was.open_interest_usd, "
        "was.funding_rate, was.funding_interval_hours, was.long_short_accounts, was.long_short_top_accounts, "
        "was.long_short_top_positions, was.depth_bids_usd, was.depth_asks_usd, was.implied_volatility, "
        "was.stablecoin_supply_usd, was.fear_greed FROM levels was JOIN canonical ON old = was.asset JOIN levels "
        "kept ON kept.asset = name AND kept.venue = was.venue AND kept.at = was.at WHERE (was.mark_price IS NULL) "
        "+ (was.index_price IS NULL) + (was.spot_price IS NULL) + (was.open_interest_coin IS NULL) + "
        "(was.open_interest_usd IS NULL) + (was.funding_rate IS NULL) + (was.funding_interval_hours IS NULL) + "
        "(was.long_short_accounts IS NULL) + (was.long_short_top_accounts IS NULL) + "
        "(was.long_short_top_positions IS NULL) + (was.depth_bids_usd IS NULL) + (was.depth_asks_usd IS NULL) + "
        "(was.implied_volatility IS NULL) + (was.stablecoin_supply_usd IS NULL) + (was.fear_greed IS NULL) < "
        "(kept.mark_price IS NULL) + (kept.index_price IS NULL) + (kept.spot_price IS NULL) + "
        "(kept.open_interest_coin IS NULL) + (kept.open_interest_usd IS NULL) + (kept.funding_rate IS NULL) + "
        "(kept.funding_interval_hours IS NULL) + (kept.long_short_accounts IS NULL) + "
        "(kept.long_short_top_accounts IS NULL) + (kept.long_short_top_positions IS NULL) + (kept.depth_bids_usd "
        "IS NULL) + (kept.depth_asks_usd IS NULL) + (kept.implied_volatility IS NULL) + "
        "(kept.stablecoin_supply_usd IS NULL) + (kept.fear_greed IS NULL) ON CONFLICT DO UPDATE SET mark_price = "
        "coalesce(excluded.mark_price, mark_price), index_price = coalesce(excluded.index_price, index_price), "
        "spot_price = coalesce(excluded.spot_price, spot_price), open_interest_coin = "
        "coalesce(excluded.open_interest_coin, open_interest_coin), open_interest_usd = "
        "coalesce(excluded.open_interest_usd, open_interest_usd), funding_rate = coalesce(excluded.funding_rate, "
        "funding_rate), funding_interval_hours = coalesce(excluded.funding_interval_hours, "
        "funding_interval_hours), long_short_accounts = coalesce(excluded.long_short_accounts, "
        "long_short_accounts), long_short_top_accounts = coalesce(excluded.long_short_top_accounts, "
        "long_short_top_accounts), long_short_top_positions = coalesce(excluded.long_short_top_positions, "
        "long_short_top_positions), depth_bids_usd = coalesce(excluded.depth_bids_usd, depth_bids_usd), "
        "depth_asks_usd = coalesce(excluded.depth_asks_usd, depth_asks_usd), implied_volatility = "
        "coalesce(excluded.implied_volatility, implied_volatility), stablecoin_supply_usd = "
        "coalesce(excluded.stablecoin_supply_usd, stablecoin_supply_usd), fear_greed = "
        "coalesce(excluded.fear_greed, fear_greed)"
    )
    db.execute(
        "INSERT INTO levels (asset, venue, at, mark_price, index_price, spot_price, open_interest_coin, "
        "open_interest_usd, funding_rate, funding_interval_hours, long_short_accounts, long_short_top_accounts, "
        "long_short_top_positions, depth_bids_usd, depth_asks_usd, implied_volatility, stablecoin_supply_usd, "
        "fear_greed) SELECT name, was.venue, was.at, was.mark_price / multiplier, was.index_price / multiplier, "
        "was.spot_price / multiplier, was.open_interest_coin * multiplier, was.open_interest_usd, "
        "was.funding_rate, was.funding_interval_hours, was.long_short_accounts, was.long_short_top_accounts, "
        "was.long_short_top_positions, was.depth_bids_usd, was.depth_asks_usd, was.implied_volatility, "
        "was.stablecoin_supply_usd, was.fear_greed FROM levels was JOIN canonical ON old = was.asset WHERE true "
        "ON CONFLICT DO UPDATE SET mark_price = coalesce(mark_price, excluded.mark_price), index_price = "
        "coalesce(index_price, excluded.index_price), spot_price = coalesce(spot_price, excluded.spot_price), "
        "open_interest_coin = coalesce(open_interest_coin, excluded.open_interest_coin), open_interest_usd = "
        "coalesce(open_interest_usd, excluded.open_interest_usd), funding_rate = coalesce(funding_rate, "
        "excluded.funding_rate), funding_interval_hours = coalesce(funding_interval_hours, "
        "excluded.funding_interval_hours), long_short_accounts = coalesce(long_short_accounts, "
        "excluded.long_short_accounts), long_short_top_accounts = coalesce(long_short_top_accounts, "
        "excluded.long_short_top_accounts), long_short_top_positions = coalesce(long_short_top_positions, "
        "excluded.long_short_top_positions), depth_bids_usd = coalesce(depth_bids_usd, excluded.depth_bids_usd), "
        "depth_asks_usd = coalesce(depth_asks_usd, excluded.depth_asks_usd), implied_volatility = "
        "coalesce(implied_volatility, excluded.implied_volatility), stablecoin_supply_usd = "
        "coalesce(stablecoin_supply_usd, excluded.stablecoin_supply_usd), fear_greed = coalesce(fear_greed, "
        "excluded.fear_greed)"
    )
    db.execute("DELETE FROM levels WHERE asset IN (SELECT old FROM canonical)")
    db.execute(
        "INSERT INTO settlements SELECT name, venue, at, funding_rate, funding_interval_hours FROM settlements "
        "JOIN canonical ON old = asset WHERE true ON CONFLICT DO UPDATE SET funding_interval_hours = "
        "coalesce(funding_interval_hours, excluded.funding_interval_hours)"
    )
    db.execute("DELETE FROM settlements WHERE asset IN (SELECT old FROM canonical)")
    db.execute(
        "INSERT INTO series SELECT name, input, venue, step, first, last FROM series JOIN canonical ON old = "
        "asset WHERE true ON CONFLICT DO UPDATE SET first = min(first, excluded.first), last = max(last, "
        "excluded.last)"
    )
    db.execute("DELETE FROM series WHERE asset IN (SELECT old FROM canonical)")
    db.execute(
        "INSERT INTO liquidation_hours (asset, venue, at, longs_usd, shorts_usd, covered, rejected, whole) SELECT "
        "name, venue, at, longs_usd, shorts_usd, covered, rejected, whole FROM liquidation_hours JOIN canonical "
        "ON old = asset WHERE true ON CONFLICT DO UPDATE SET longs_usd = excluded.longs_usd, shorts_usd = "
        "excluded.shorts_usd, covered = excluded.covered, rejected = excluded.rejected, whole = excluded.whole "
        "WHERE excluded.covered > covered"
    )
    db.execute("DELETE FROM liquidation_hours WHERE asset IN (SELECT old FROM canonical)")
    db.execute(
        "INSERT INTO options (asset, venue, at, expiry, strike, type, open_interest_coin, iv) SELECT name, venue, "
        "at, expiry, strike / multiplier, type, open_interest_coin * multiplier, iv FROM options JOIN canonical "
        "ON old = asset WHERE true ON CONFLICT DO UPDATE SET iv = coalesce(iv, excluded.iv)"
    )
    db.execute("DELETE FROM options WHERE asset IN (SELECT old FROM canonical)")
    db.execute(
        "INSERT INTO gaps (asset, venue, input_group, start, until, reason) SELECT name, venue, input_group, "
        "start, until, reason FROM gaps JOIN canonical ON old = asset WHERE true ON CONFLICT DO UPDATE SET until "
        "= max(until, excluded.until)"
    )
    db.execute("DELETE FROM gaps WHERE asset IN (SELECT old FROM canonical)")
    db.execute(
        "INSERT INTO history_owed (venue, topic, asset, since) SELECT venue, topic, name, since FROM history_owed "
        "JOIN canonical ON old = asset WHERE true ON CONFLICT DO UPDATE SET since = min(since, excluded.since)"
    )
    db.execute("DELETE FROM history_owed WHERE asset IN (SELECT old FROM canonical)")
    db.execute(
        "INSERT INTO archive_differences (asset, venue, input, at, compared, differing, largest) SELECT name, "
        "venue, input, at, compared, differing, largest FROM archive_differences JOIN canonical ON old = asset "
        "WHERE true ON CONFLICT DO UPDATE SET compared = excluded.compared, differing = excluded.differing, "
        "largest = excluded.largest WHERE excluded.compared > compared"
    )
    db.execute("DELETE FROM archive_differences WHERE asset IN (SELECT old FROM canonical)")
    db.execute(
        "UPDATE episodes SET ended = fired WHERE ended IS NULL AND id IN (SELECT was.episode FROM watch_states "
        "was JOIN canonical ON old = was.asset JOIN watch_states kept ON kept.watch = was.watch AND kept.asset = "
        "name WHERE kept.episode IS NOT NULL)"
    )
    db.execute(
        "INSERT INTO watch_states (watch, asset, state, episode) SELECT watch, name, state, episode FROM "
        "watch_states JOIN canonical ON old = asset WHERE true ON CONFLICT DO UPDATE SET state = excluded.state, "
        "episode = excluded.episode WHERE watch_states.episode IS NULL AND excluded.episode IS NOT NULL"
    )
    db.execute("DELETE FROM watch_states WHERE asset IN (SELECT old FROM canonical)")
    db.execute(
        "INSERT OR IGNORE INTO subscriptions (destination, watch, asset) SELECT destination, watch, name FROM "
        "subscriptions JOIN canonical ON old = asset"
    )
    db.execute("DELETE FROM subscriptions WHERE asset IN (SELECT old FROM canonical)")
    db.execute(
        "UPDATE episodes SET asset = (SELECT name FROM canonical WHERE old = asset) WHERE asset IN (SELECT old "
        "FROM canonical)"
    )
    db.execute(
        "UPDATE notices SET asset = (SELECT name FROM canonical WHERE old = asset) WHERE asset IN (SELECT old "
        "FROM canonical)"
    )
    db.execute("ALTER TABLE positions ADD COLUMN quote_currency TEXT")
    db.execute("ALTER TABLE positions ADD COLUMN multiplier INTEGER NOT NULL DEFAULT 1")
    db.execute(
        "UPDATE positions SET multiplier = (SELECT multiplier FROM canonical WHERE old = asset), asset = (SELECT "
        "name FROM canonical WHERE old = asset) WHERE asset IN (SELECT old FROM canonical)"
    )
    db.execute("DROP TABLE canonical")


def m013_events(db: Any) -> None:
    """Alarms are rules now, values have their whole names, and destinations have switches.

    A message may speak for several episodes: those of what several rules say of one asset at one close.
    """
    db.execute("ALTER TABLE episodes RENAME COLUMN watch TO rule")
    db.execute("DROP INDEX episodes_by_watch")
    db.execute("CREATE INDEX episodes_by_rule ON episodes (rule, asset, fired)")
    db.execute("ALTER TABLE watch_states RENAME TO rule_states")
    db.execute("ALTER TABLE rule_states RENAME COLUMN watch TO rule")
    db.execute("ALTER TABLE subscriptions RENAME COLUMN watch TO rule")
    db.execute("ALTER TABLE notices RENAME COLUMN watch TO rule")
    db.execute("CREATE INDEX notices_by_close ON notices (asset, at) WHERE episode IS NOT NULL")
    db.execute("CREATE INDEX messages_by_message ON messages (destination, message)")
    db.execute("ALTER TABLE outbox ADD COLUMN held_until INTEGER")
    db.execute("ALTER TABLE outbox ADD COLUMN lead INTEGER")
    db.execute(
        "CREATE TABLE switches (destination INTEGER NOT NULL REFERENCES destinations ON DELETE CASCADE, "
        "kind TEXT NOT NULL, what TEXT NOT NULL, until INTEGER, hours TEXT, "
        "PRIMARY KEY (destination, kind, what)) STRICT, WITHOUT ROWID"
    )
    # `value` becomes `oi_drawdown.value`: each rule named values of one metric until now, most often its namesake.
    db.execute(
        "UPDATE episodes SET first_values = (SELECT json_group_object(CASE episodes.rule "
        "WHEN 'funding_stretch_low' THEN 'funding_stretch' WHEN 'net_taker_flip' THEN 'net_taker_30d' "
        "ELSE episodes.rule END || '.' || key, value) FROM json_each(episodes.first_values)), "
        "last_values = (SELECT json_group_object(CASE episodes.rule "
        "WHEN 'funding_stretch_low' THEN 'funding_stretch' WHEN 'net_taker_flip' THEN 'net_taker_30d' "
        "ELSE episodes.rule END || '.' || key, value) FROM json_each(episodes.last_values)) "
        "WHERE substr(rule, 1, 9) <> 'position '"
    )


def m014_rewritten(db: Any) -> None:
    """Where values were written into the past: what was read before and kept in memory is read anew from there."""
    db.execute(
        "CREATE TABLE rewritten (id INTEGER PRIMARY KEY AUTOINCREMENT, asset TEXT NOT NULL, venue TEXT NOT NULL, "
        "first INTEGER NOT NULL, last INTEGER NOT NULL, UNIQUE (asset, venue, first, last)) STRICT"
    )


def m015_people(db: Any) -> None:
    """Digests are rows and not jobs, who owns a bot and who may use it is kept, and what is held says what for.

    A digest is due at `next` (UTC), once a date of its chat (`last_date`). Whoever may use the bot, or may not, is a
    permit by kind (a person, a chat); what somebody proves it with is never stored.
    """
    db.execute(
        "CREATE TABLE digests (id INTEGER PRIMARY KEY, "
        "destination INTEGER NOT NULL REFERENCES destinations ON DELETE CASCADE, kind TEXT NOT NULL, "
        "days TEXT NOT NULL, at TEXT NOT NULL, assets TEXT NOT NULL, next INTEGER NOT NULL, last_date TEXT, "
        "last_at INTEGER, UNIQUE (destination, kind)) STRICT"
    )
    db.execute("CREATE INDEX digests_due ON digests (next)")
    db.execute(
        "CREATE TABLE owners (platform TEXT NOT NULL, person TEXT NOT NULL, since INTEGER NOT NULL, "
        "PRIMARY KEY (platform, person)) STRICT, WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE permits (platform TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, "
        "allowed INTEGER NOT NULL, since INTEGER NOT NULL, PRIMARY KEY (platform, kind, name)) STRICT, WITHOUT ROWID"
    )
    db.execute("ALTER TABLE outbox ADD COLUMN held_for TEXT")
    db.execute("CREATE INDEX outbox_settled ON outbox (destination, settled) WHERE settled IS NOT NULL")


def m016_servers(db: Any) -> None:
    """Keep in which server a chat lies, and the one role of a server that is called; roles of single chats go.

    `server` of a destination is the platform's id; NULL where there is none, or it was not told yet.
    """
    db.execute("ALTER TABLE destinations ADD COLUMN server TEXT")
    db.execute(
        "CREATE TABLE server_roles (platform TEXT NOT NULL, server TEXT NOT NULL, role TEXT NOT NULL, "
        "rank TEXT NOT NULL, PRIMARY KEY (platform, server)) STRICT, WITHOUT ROWID"
    )
    db.execute("DELETE FROM switches WHERE kind = 'mention'")


def m017_persons(db: Any) -> None:
    """Keep whose own chat a private one is: it may have another id than the person.

    NULL for other kinds of chat, and until the person changes something there.
    """
    db.execute("ALTER TABLE destinations ADD COLUMN person TEXT")


def m018_record(db: Any) -> None:
    """Keep what was said, as it was said, and append what became of it 1, 7 and 30 days later. Nothing is ever edited.

    `definitions`: what a rule was when it spoke, as JSON, under its hash. `record`: the event with its values, and the
    sentences that it was told with. `outcomes`: a correction is a row of its own that names the one it corrects.
    Only what is `private`, of a rule that is a person's own, may go: with that person.
    """
    db.execute(
        "CREATE TABLE definitions (hash TEXT PRIMARY KEY, rule TEXT NOT NULL, definition TEXT NOT NULL, "
        "since INTEGER NOT NULL, private INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE record (id INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL, asset TEXT NOT NULL, "
        "definition TEXT NOT NULL REFERENCES definitions, episode INTEGER REFERENCES episodes, at INTEGER NOT NULL, "
        "written INTEGER NOT NULL, rank TEXT NOT NULL, price REAL, venue TEXT, event TEXT NOT NULL, "
        "sentences TEXT NOT NULL, private INTEGER NOT NULL DEFAULT 0) STRICT"
    )
    db.execute("CREATE INDEX record_by_rule ON record (rule, asset, at)")
    db.execute("CREATE UNIQUE INDEX record_once ON record (episode) WHERE episode IS NOT NULL")
    db.execute(
        "CREATE TABLE outcomes (id INTEGER PRIMARY KEY AUTOINCREMENT, entry INTEGER NOT NULL REFERENCES record, "
        "days INTEGER NOT NULL, entry_at INTEGER NOT NULL, entry_price REAL NOT NULL, at INTEGER NOT NULL, "
        "price REAL NOT NULL, change REAL NOT NULL, worst REAL, best REAL, venue TEXT NOT NULL, "
        "written INTEGER NOT NULL, corrects INTEGER REFERENCES outcomes, reason TEXT) STRICT"
    )
    db.execute("CREATE UNIQUE INDEX outcomes_once ON outcomes (entry, days) WHERE corrects IS NULL")
    db.execute("CREATE INDEX outcomes_corrected ON outcomes (corrects) WHERE corrects IS NOT NULL")
    db.execute(
        "CREATE TRIGGER definitions_stay BEFORE UPDATE ON definitions BEGIN "
        "SELECT RAISE(ABORT, 'the record is never edited'); END"
    )
    db.execute(
        "CREATE TRIGGER definitions_kept BEFORE DELETE ON definitions WHEN OLD.private = 0 BEGIN "
        "SELECT RAISE(ABORT, 'the record is never edited'); END"
    )
    db.execute(
        "CREATE TRIGGER record_stays BEFORE UPDATE ON record BEGIN "
        "SELECT RAISE(ABORT, 'the record is never edited'); END"
    )
    db.execute(
        "CREATE TRIGGER record_kept BEFORE DELETE ON record WHEN OLD.private = 0 BEGIN "
        "SELECT RAISE(ABORT, 'the record is never edited'); END"
    )
    db.execute(
        "CREATE TRIGGER outcomes_stay BEFORE UPDATE ON outcomes BEGIN "
        "SELECT RAISE(ABORT, 'the record is never edited'); END"
    )
    db.execute(
        "CREATE TRIGGER outcomes_kept BEFORE DELETE ON outcomes WHEN NOT EXISTS "
        "(SELECT 1 FROM record WHERE record.id = OLD.entry AND private = 1) BEGIN "
        "SELECT RAISE(ABORT, 'the record is never edited'); END"
    )


def m019_options_told(db: Any) -> None:
    """Keep what is read of an option chain as a history, whether an option was quoted, and premiums of dated futures.

    `quoted` is 1 where there was a bid and an ask, 0 where there was not; NULL in chains of before.
    """
    db.execute("ALTER TABLE options ADD COLUMN quoted INTEGER")
    db.execute("ALTER TABLE levels ADD COLUMN options_open_interest_usd REAL")
    db.execute("ALTER TABLE levels ADD COLUMN options_days_to_expiry REAL")
    db.execute("ALTER TABLE levels ADD COLUMN options_expiry_share REAL")
    db.execute("ALTER TABLE levels ADD COLUMN options_max_pain REAL")
    db.execute("ALTER TABLE levels ADD COLUMN options_put_call REAL")
    db.execute("ALTER TABLE levels ADD COLUMN options_wall_above REAL")
    db.execute("ALTER TABLE levels ADD COLUMN options_wall_above_share REAL")
    db.execute("ALTER TABLE levels ADD COLUMN options_wall_below REAL")
    db.execute("ALTER TABLE levels ADD COLUMN options_wall_below_share REAL")
    db.execute("ALTER TABLE levels ADD COLUMN dated_premium REAL")
    db.execute("ALTER TABLE levels ADD COLUMN dated_days REAL")


def m020_own_rules(db: Any) -> None:
    """Keep the rules that chats wrote for themselves, and how many different ones a chat has tried.

    `rule` is all that is judged and the id under which it is: chats with the same one share it. `scope` says of which
    assets, as JSON. `number` is what the chat calls it by, and comes once. `tried` holds no rule but the hash of one.
    `shared_rules` holds what a link stands for, and nothing of who wrote it but whose it is to forget.
    """
    db.execute(
        "CREATE TABLE own_rules (id INTEGER PRIMARY KEY AUTOINCREMENT, destination INTEGER NOT NULL "
        "REFERENCES destinations ON DELETE CASCADE, number INTEGER NOT NULL, line TEXT NOT NULL, rule TEXT NOT NULL, "
        "scope TEXT NOT NULL, person TEXT, created INTEGER NOT NULL, paused INTEGER, paused_for TEXT, "
        "once INTEGER NOT NULL DEFAULT 0, at_most INTEGER, told INTEGER, UNIQUE (destination, number)) STRICT"
    )
    db.execute("CREATE INDEX own_rules_by_rule ON own_rules (rule)")
    db.execute(
        "CREATE TABLE tried (destination INTEGER NOT NULL REFERENCES destinations ON DELETE CASCADE, "
        "hash TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (destination, hash)) STRICT, WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE shared_rules (token TEXT PRIMARY KEY, destination INTEGER NOT NULL REFERENCES destinations "
        "ON DELETE CASCADE, line TEXT NOT NULL, created INTEGER NOT NULL, UNIQUE (destination, line)) "
        "STRICT, WITHOUT ROWID"
    )
    db.execute("ALTER TABLE destinations ADD COLUMN rules_made INTEGER NOT NULL DEFAULT 0")


def m021_own_states(db: Any) -> None:
    """Keep where rules of one's own stand: one row a rule, for all assets at once.

    `stands` is what signals/rules/many/keeping.py makes of it; it names an asset by its number in `own_assets`, in
    which new ones come last.
    """
    db.execute("CREATE TABLE own_states (rule TEXT PRIMARY KEY, stands BLOB NOT NULL) STRICT")
    db.execute("CREATE TABLE own_assets (number INTEGER PRIMARY KEY, asset TEXT NOT NULL UNIQUE) STRICT")


def m022_processes(db: Any) -> None:
    """Keep which processes run, who of them does what, and what those who answer ask of those who collect.

    A lease without a holder is free. The one lease of before, that of the sender, is as free as after a stop: whoever
    takes one of the new ones finds in doubt what was being sent. `answered` is 1 where something new was stored.
    """
    db.execute("DROP TABLE leases")
    db.execute(
        "CREATE TABLE processes (id INTEGER PRIMARY KEY AUTOINCREMENT, place TEXT NOT NULL, roles TEXT NOT NULL, "
        "started INTEGER NOT NULL, beat INTEGER NOT NULL) STRICT"
    )
    db.execute(
        "CREATE TABLE leases (name TEXT PRIMARY KEY, epoch INTEGER NOT NULL, holder INTEGER REFERENCES processes) "
        "STRICT, WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE wishes (id INTEGER PRIMARY KEY AUTOINCREMENT, asset TEXT NOT NULL, made INTEGER NOT NULL, "
        "answered INTEGER) STRICT"
    )


def m024_outbox_waits(db: Any) -> None:
    """Find what waits in the outbox by one column that changes once in the life of a row: when it was settled.

    A row that is claimed stays where it is in every index then.
    """
    db.execute(
        "UPDATE outbox SET settled = NULL WHERE settled IS NOT NULL AND state IN ('queued', 'sending', 'uncertain')"
    )
    db.execute(
        "UPDATE outbox SET settled = created WHERE settled IS NULL AND state NOT IN ('queued', 'sending', 'uncertain')"
    )
    db.execute("DROP INDEX outbox_live")
    db.execute("DROP INDEX outbox_sending")
    db.execute("CREATE INDEX outbox_live ON outbox (priority DESC, id) WHERE settled IS NULL")
    db.execute("CREATE INDEX outbox_waiting ON outbox (destination) WHERE settled IS NULL")


def m025_outbox_parts(db: Any) -> None:
    """Let a notice for very many be kept with those it goes to, a part of them in a row, until their rows are made.

    `places` is a JSON list of destinations, `count` how many they are. A row of the outbox names the platform of its
    destination, which never becomes another, and is found by it: what waits for one platform is not gone through for
    another. Those of one urgency come in the order of their notices, whenever their rows are made.
    """
    db.execute(
        "CREATE TABLE outbox_parts (id INTEGER PRIMARY KEY, notice INTEGER NOT NULL REFERENCES notices, "
        "priority INTEGER NOT NULL, due INTEGER NOT NULL, expires INTEGER NOT NULL, places TEXT NOT NULL, "
        "count INTEGER NOT NULL) STRICT"
    )
    db.execute("CREATE INDEX outbox_parts_of ON outbox_parts (notice)")
    db.execute("ALTER TABLE outbox ADD COLUMN platform TEXT NOT NULL DEFAULT ''")
    db.execute("UPDATE outbox SET platform = (SELECT d.platform FROM destinations d WHERE d.id = outbox.destination)")
    db.execute("DROP INDEX outbox_live")
    db.execute("CREATE INDEX outbox_live ON outbox (platform, priority DESC, notice, id) WHERE settled IS NULL")
    db.execute("CREATE INDEX destinations_gone ON destinations (id) WHERE gone IS NOT NULL")


def m026_snapshots(db: Any) -> None:
    """Let the series of which one answer tells move on as one row; `spans` is the directory as it is read.

    The members of a snapshot go as far as it does; what they have of their own is where they were when they joined. Who
    asks for one input of every asset finds it without going through all of them.
    """
    db.execute(
        "CREATE TABLE snapshots (id INTEGER PRIMARY KEY, venue TEXT NOT NULL, inputs TEXT NOT NULL, "
        "members TEXT NOT NULL, last INTEGER NOT NULL, UNIQUE (venue, inputs, members)) STRICT"
    )
    db.execute("ALTER TABLE series ADD COLUMN snapshot INTEGER")
    db.execute("CREATE INDEX series_by_input ON series (input, asset, venue, step)")
    db.execute(
        "CREATE VIEW spans AS SELECT s.asset, s.input, s.venue, s.step, s.first, "
        "CASE WHEN m.last > s.last THEN m.last ELSE s.last END AS last "
        "FROM series s LEFT JOIN snapshots m ON m.id = s.snapshot"
    )


# The functions above that are named m001_..., in the order in which they stand.
_STEPS: tuple[Callable[[Any], None], ...] = tuple(
    step for name, step in list(globals().items()) if re.fullmatch(r"m\d{3}_\w+", name)
)
NAMES = tuple(step.__name__ for step in _STEPS)


def migrate(path: Path) -> None:
    """Bring the file at `path` to the newest schema; each step is all or nothing."""
    import sqlite_utils  # noqa: PLC0415 - half a second of import, needed only when the schema is not up to date

    steps = sqlite_utils.Migrations(SET)
    for step in _STEPS:
        steps()(step)
    db = sqlite_utils.Database(path, execute_plugins=False)
    try:
        db.enable_wal()
        steps.apply(db)
    finally:
        db.close()
