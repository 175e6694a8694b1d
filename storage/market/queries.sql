-- Queries of the market: points, settlements, ranges, retention. Each stands under a line with its name; the modules that
-- use them are named above theirs.

-- --- points.py: raw series -------------------------------------------------------------------------------------------

-- name: write_bars
-- A value that is not known today never wipes out one that was known yesterday.
INSERT INTO bars (asset, venue, step, at, {columns}) VALUES (:asset, :venue, :step, :at, {columns|:*})
ON CONFLICT (asset, venue, step, at) DO UPDATE SET {columns|* = coalesce(excluded.*, bars.*)};

-- name: write_levels
INSERT INTO levels (asset, venue, at, {columns}) VALUES (:asset, :venue, :at, {columns|:*})
ON CONFLICT (asset, venue, at) DO UPDATE SET {columns|* = coalesce(excluded.*, levels.*)};

-- name: all_series
SELECT asset, input, venue, step, first, last FROM spans ORDER BY asset, input, venue, step;

-- name: begins
SELECT asset, input, min(first) FROM series GROUP BY asset, input;

-- name: count_series
SELECT count(*) AS n FROM series;

-- name: series_of_asset
SELECT asset, input, venue, step, first, last FROM spans WHERE asset = :asset ORDER BY input, venue, step;

-- name: series_of_input
SELECT venue, step, first, last FROM spans WHERE asset = :asset AND input = :input ORDER BY venue, step;

-- name: where_input_is
SELECT DISTINCT venue, asset FROM series WHERE input = :input AND step = 0 ORDER BY venue, asset;

-- name: ends_of_input
-- Where the instants of an input end at a venue, of those assets of which it is no earlier than :first.
SELECT asset, last FROM spans
WHERE input = :input AND venue = :venue AND step = 0 AND asset {among|:assets} AND last >= :first;

-- name: bar_at
SELECT {input} AS value FROM bars WHERE asset = :asset AND venue = :venue AND step = :step AND at = :at;

-- name: level_at
SELECT {input} AS value FROM levels WHERE asset = :asset AND venue = :venue AND at = :at;

-- name: last_bars
-- The rows at which a series of bars ends. By themselves first: a server that has not counted the
-- snapshots yet would read all rows.
WITH ends AS MATERIALIZED (SELECT DISTINCT asset, venue, step, last FROM spans WHERE step > 0)
SELECT bars.venue, bars.asset, bars.step, bars.at, {columns} FROM bars JOIN ends
ON bars.asset = ends.asset AND bars.venue = ends.venue AND bars.step = ends.step AND bars.at = ends.last;

-- name: last_levels
-- The rows at which a series of instants ends.
WITH ends AS MATERIALIZED (SELECT DISTINCT asset, venue, last FROM spans WHERE step = 0)
SELECT levels.venue, levels.asset, 0, levels.at, {columns} FROM levels JOIN ends
ON levels.asset = ends.asset AND levels.venue = ends.venue AND levels.at = ends.last;

-- name: assets
SELECT DISTINCT asset FROM series ORDER BY asset;

-- name: last_level_times
SELECT at FROM levels WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end AND {input} IS NOT NULL
ORDER BY at DESC LIMIT :most;

-- name: last_bar_before
SELECT at FROM bars WHERE asset = :asset AND venue = :venue AND step = :step AND at < :end AND {input} IS NOT NULL
ORDER BY at DESC LIMIT 1;

-- name: last_level_before
SELECT at FROM levels WHERE asset = :asset AND venue = :venue AND at < :end AND {input} IS NOT NULL
ORDER BY at DESC LIMIT 1;

-- name: count_stretches
SELECT count(DISTINCT at / :apart) AS n FROM {table}
WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end AND {input} IS NOT NULL;

-- name: bars_between
SELECT at, step, {columns} FROM bars
WHERE asset = :asset AND venue = :venue AND step IN ({numbers}(:steps)) AND at >= :start AND at < :end
ORDER BY at;

-- name: levels_between
SELECT at, {columns} FROM levels
WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end
ORDER BY at;

-- name: levels_after
-- The newest values of an input at a venue, of every asset that has one so late.
SELECT levels.asset, levels.at, levels.{input} FROM series JOIN levels
ON levels.asset = series.asset AND levels.venue = series.venue AND levels.at > :after
WHERE series.input = :input AND series.venue = :venue AND series.step = 0 AND levels.{input} IS NOT NULL
ORDER BY levels.asset, levels.at;

-- name: last_settled
-- The settlements at which a series of instants ends.
WITH ends AS MATERIALIZED (SELECT DISTINCT asset, venue, last FROM spans WHERE step = 0)
SELECT settlements.venue, settlements.asset, 0, settlements.at, {columns} FROM settlements JOIN ends
ON settlements.asset = ends.asset AND settlements.venue = ends.venue AND settlements.at = ends.last;

-- --- ends.py: how far each series goes -------------------------------------------------------------------------------

-- name: write_series
INSERT INTO series (asset, input, venue, step, first, last) VALUES (:asset, :input, :venue, :step, :first, :last)
ON CONFLICT (asset, input, venue, step) DO UPDATE SET
    first = {least}(series.first, excluded.first), last = {greatest}(series.last, excluded.last);

-- name: move_alike
-- Moves the ends of some series of a venue on: of all of them or of none, where one is new, is a member of a snapshot or
-- goes as far already. assets: a JSON list.
UPDATE series SET last = {greatest}(last, :last)
WHERE venue = :venue AND step = :step AND input IN ({inputs|'*'}) AND asset {among|:assets} AND :count = (
    SELECT count(*) FROM series AS before
    WHERE before.venue = :venue AND before.step = :step AND before.input IN ({inputs|'*'})
        AND before.asset {among|:assets} AND before.snapshot IS NULL AND before.last < :first
);

-- name: snapshots
SELECT id, venue, inputs, members, last FROM snapshots ORDER BY id;

-- name: move_snapshot
UPDATE snapshots SET last = :last, members = :members WHERE id = :id;

-- name: members_of_input
SELECT asset, snapshot FROM series
WHERE venue = :venue AND step = :step AND input = :input AND snapshot IS NOT NULL;

-- name: is_member
SELECT 1 FROM series
WHERE venue = :venue AND step = :step AND input IN ({inputs|'*'}) AND asset {among|:assets} AND snapshot = :id LIMIT 1;

-- name: memberships
SELECT DISTINCT snapshot FROM series
WHERE venue = :venue AND step = :step AND input IN ({inputs|'*'}) AND asset {among|:assets} AND snapshot IS NOT NULL;

-- name: count_ends_at
SELECT count(*) AS n FROM spans
WHERE venue = :venue AND step = :step AND input IN ({inputs|'*'}) AND asset {among|:assets} AND last = :last;

-- name: reaching
-- Which of some series of a venue have a value at or after a time already. assets: a JSON list.
SELECT asset, input FROM spans
WHERE venue = :venue AND step = :step AND input IN ({inputs|'*'}) AND asset {among|:assets} AND last >= :first;

-- name: add_snapshot
INSERT INTO snapshots (venue, inputs, members, last) VALUES (:venue, :inputs, :members, :last);

-- name: become_members
UPDATE series SET snapshot = :id
WHERE venue = :venue AND step = :step AND input IN ({inputs|'*'}) AND asset {among|:assets};

-- name: part_members
UPDATE series SET snapshot = NULL,
    last = {greatest}(last, coalesce((SELECT m.last FROM snapshots AS m WHERE m.id = :id), last))
WHERE snapshot = :id;

-- name: part_some
{part_members} AND venue = :venue AND step = :step AND input IN ({inputs|'*'}) AND asset {among|:assets};

-- name: drop_snapshot
DELETE FROM snapshots WHERE id = :id;

-- --- settlements.py: funding as it was settled -----------------------------------------------------------------------

-- name: add_settlement
-- An interval that is not known today never wipes out one that was known yesterday.
INSERT INTO settlements (asset, venue, at, funding_rate, funding_interval_hours)
VALUES (:asset, :venue, :at, :rate, :hours)
ON CONFLICT (asset, venue, at) DO UPDATE SET
    funding_rate = excluded.funding_rate,
    funding_interval_hours = coalesce(excluded.funding_interval_hours, settlements.funding_interval_hours);

-- name: settlements_within
SELECT at, funding_rate, funding_interval_hours FROM settlements
WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end
ORDER BY at;

-- name: settlement_at
SELECT {name} AS value FROM settlements
WHERE asset = :asset AND venue = :venue AND at = :at AND {name} IS NOT NULL;

-- name: last_settlements
-- The newest times at which a value was settled, the newest first.
SELECT at FROM settlements
WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end AND {name} IS NOT NULL
ORDER BY at DESC LIMIT :most;

-- name: count_rates
-- In how many stretches of a length a value was settled or announced.
SELECT count(*) AS n FROM (
    SELECT at / :apart FROM levels
    WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end AND {name} IS NOT NULL
    UNION
    SELECT at / :apart FROM settlements
    WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end AND {name} IS NOT NULL
) AS stretches;

-- name: has_rates
SELECT 1 FROM series WHERE asset = :asset AND venue = :venue AND input = 'funding_rate' LIMIT 1;

-- name: rates_near_hours
-- What was announced and the mark prices around each full hour.
SELECT at, funding_rate, funding_interval_hours, mark_price FROM levels
WHERE asset = :asset AND venue = :venue AND at >= :start AND at <= :end
    AND (at % :hour < :near OR at % :hour > :hour - :near)
    AND (funding_rate IS NOT NULL OR mark_price IS NOT NULL)
ORDER BY at;

-- name: closes_of_hours
SELECT at + step * 1000 AS closed, close FROM bars
WHERE asset = :asset AND venue = :venue AND step = 3600 AND at >= :start AND at <= :end AND close IS NOT NULL
ORDER BY at;

-- name: last_rates_of_hours
-- What was last announced in each hour: a live feed writes sixty times as many.
SELECT at / :hour AS hour, funding_rate, funding_interval_hours, at FROM levels
WHERE asset = :asset AND venue = :venue AND at IN (
    SELECT max(at) FROM levels
    WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end AND funding_rate IS NOT NULL
    GROUP BY at / :hour
)
ORDER BY at;

-- --- ranges.py: between which prices an asset moved ------------------------------------------------------------------

-- name: closed_bars
-- Bars that began in a stretch and were closed by its end. The lengths are named, because the key has them before the
-- time.
SELECT at, step, low, high FROM bars
WHERE asset = :asset AND venue = :venue AND step IN ({numbers}(:steps)) AND at >= :start AND at <= :end
    AND at + step * 1000 <= :end AND low IS NOT NULL AND high IS NOT NULL
ORDER BY at;

-- name: marks_between
SELECT at, mark_price FROM levels
WHERE asset = :asset AND venue = :venue AND at >= :start AND at <= :end AND mark_price IS NOT NULL
ORDER BY at;

-- name: closes_of_days
-- The close of each day by its number since 1970, whatever the length of the bars.
SELECT (at + step * 1000) / :day AS day, close FROM bars
WHERE asset = :asset AND venue = :venue AND at >= :start AND at + step * 1000 <= :end
    AND (at + step * 1000) % :day = 0 AND close IS NOT NULL;

-- name: whole_days
-- Days by their numbers since 1970: of daily bars, and of hourly ones where all 24 are there.
SELECT at / :day AS number, step, max(open) FILTER (WHERE at % :day = 0) AS open, max(high) AS high, min(low) AS low
FROM bars
WHERE asset = :asset AND venue = :venue AND step IN (3600, 86400) AND at >= :start AND at < :end
    AND open IS NOT NULL AND high IS NOT NULL AND low IS NOT NULL
GROUP BY step, at / :day HAVING step = 86400 OR count(*) = 24 ORDER BY step, number;

-- --- retention.py: what is kept how long -----------------------------------------------------------------------------

-- name: busy_windows
SELECT at / :window AS part FROM levels
WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end
GROUP BY at / :window HAVING count(*) > count(DISTINCT at / :bucket) ORDER BY at / :window;

-- name: thin_levels
-- Of each bucket the rows stay that carry the last known value of an input.
DELETE FROM levels
WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end AND at NOT IN (
    WITH newest AS MATERIALIZED (
        SELECT {levels|max(at) FILTER (WHERE * IS NOT NULL) AS *} FROM levels
        WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end
        GROUP BY at / :bucket
    )
    {levels| UNION ALL |SELECT * AS at FROM newest WHERE * IS NOT NULL}
);

-- name: levels_before
SELECT asset, venue, min(first) FROM series WHERE step = 0 AND first < :end GROUP BY asset, venue
ORDER BY asset, venue;

-- name: levels_begun
SELECT input FROM series
WHERE asset = :asset AND venue = :venue AND step = 0 AND first >= :start AND first < :end ORDER BY input;

-- name: first_bar
SELECT min(at) AS at FROM bars
WHERE asset = :asset AND venue = :venue AND step = :step AND {name} IS NOT NULL;

-- name: first_level
SELECT at FROM levels WHERE asset = :asset AND venue = :venue AND {name} IS NOT NULL ORDER BY at LIMIT 1;

-- name: first_rate
SELECT min(at) AS at FROM (
    SELECT min(at) AS at FROM levels WHERE asset = :asset AND venue = :venue AND {name} IS NOT NULL
    UNION ALL
    SELECT min(at) AS at FROM settlements WHERE asset = :asset AND venue = :venue AND {name} IS NOT NULL
) AS firsts;

-- name: begin_series
UPDATE series SET first = :first WHERE asset = :asset AND input = :input AND venue = :venue AND step = :step;

-- name: drop_series
DELETE FROM series WHERE asset = :asset AND input = :input AND venue = :venue AND step = :step;

-- name: next_chain_series
SELECT asset, venue FROM options WHERE (asset, venue) > (:asset, :venue) ORDER BY asset, venue LIMIT 1;

-- name: next_chain
SELECT min(at) AS at FROM options WHERE asset = :asset AND venue = :venue AND at > :after;

-- name: drop_chain
DELETE FROM options WHERE asset = :asset AND venue = :venue AND at = :at;

-- name: series_before
SELECT DISTINCT asset, venue, step FROM series WHERE first < :end ORDER BY asset, venue, step;

-- name: series_begun
SELECT input FROM series WHERE asset = :asset AND venue = :venue AND step = :step AND first <= :last
ORDER BY input;

-- name: oldest_bars
SELECT max(at) AS last FROM (
    SELECT at FROM bars WHERE asset = :asset AND venue = :venue AND step = :step AND at < :end ORDER BY at LIMIT :most
) AS oldest;

-- name: drop_oldest_bars
DELETE FROM bars WHERE asset = :asset AND venue = :venue AND step = :step AND at <= :last;

-- name: oldest_levels
SELECT max(at) AS last FROM (
    SELECT at FROM levels WHERE asset = :asset AND venue = :venue AND at < :end ORDER BY at LIMIT :most
) AS oldest;

-- name: drop_oldest_levels
DELETE FROM levels WHERE asset = :asset AND venue = :venue AND at <= :last;

-- name: oldest_settlements
SELECT max(at) AS last FROM (
    SELECT at FROM settlements WHERE asset = :asset AND venue = :venue AND at < :end ORDER BY at LIMIT :most
) AS oldest;

-- name: drop_oldest_settlements
DELETE FROM settlements WHERE asset = :asset AND venue = :venue AND at <= :last;

-- name: old_notices
-- Those of an episode that runs, or ended lately, stay; so do those that wait or went out lately.
SELECT id FROM notices
WHERE at < :end AND (episode IS NULL OR episode IN (SELECT id FROM episodes WHERE ended < :end))
    AND NOT EXISTS (
        SELECT 1 FROM outbox
        WHERE notice = notices.id AND (settled IS NULL OR settled >= :end)
    )
    AND NOT EXISTS (SELECT 1 FROM outbox_parts WHERE notice = notices.id)
ORDER BY id;

-- name: drop_old_outbox
DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE notice = :notice LIMIT :most);

-- name: drop_old_notice
DELETE FROM notices WHERE id = :notice;

-- name: episodes_without_notices
SELECT DISTINCT m.episode FROM messages m JOIN episodes e ON e.id = m.episode
WHERE e.ended < :end AND NOT EXISTS (SELECT 1 FROM notices n WHERE n.episode = m.episode);

-- name: drop_old_messages
DELETE FROM messages WHERE (episode, destination) IN (
    SELECT episode, destination FROM messages WHERE episode = :episode LIMIT :most
);

-- --- history.py: stored history in the order of a file, a page at a time ---------------------------------------------

-- name: series_in_order
SELECT asset, venue, step, input FROM series ORDER BY asset, venue, step;

-- name: page_of_bars
SELECT at, {names} FROM bars
WHERE asset = :asset AND venue = :venue AND step = :step AND at >= :start AND at < :end
    AND ({names| OR |* IS NOT NULL})
ORDER BY at LIMIT :most;

-- name: page_of_levels
SELECT at, {names} FROM levels
WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end AND ({names| OR |* IS NOT NULL})
ORDER BY at LIMIT :most;

-- name: page_of_rates
-- What was announced and what was settled; of a time with both, what was settled comes first.
SELECT at, {names} FROM (
    SELECT * FROM (
        SELECT at, {names}, 1 AS announced FROM levels
        WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end AND ({names| OR |* IS NOT NULL})
        ORDER BY at LIMIT :most
    ) AS levels
    UNION ALL
    SELECT * FROM (
        SELECT at, {names}, 0 AS announced FROM settlements
        WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end
        ORDER BY at LIMIT :most
    ) AS settlements
) AS rates
ORDER BY at, announced LIMIT :most;

-- --- rewritten.py: what was written into the past --------------------------------------------------------------------

-- name: note_rewritten
INSERT INTO rewritten (id, asset, venue, first, last)
VALUES ((SELECT coalesce(max(id), 0) FROM rewritten) + 1, :asset, :venue, :first, :last)
ON CONFLICT (asset, venue, first, last) DO UPDATE SET id = (SELECT max(id) FROM rewritten) + 1;

-- name: forget_rewritten
DELETE FROM rewritten WHERE id <= (SELECT max(id) FROM rewritten) - :kept;

-- name: last_rewritten
SELECT max(id) AS id FROM rewritten;

-- name: rewritten_since
SELECT id, asset, venue, first, last FROM rewritten WHERE id > :id ORDER BY id LIMIT :most;

-- --- liquidations.py: by hour, as a stream heard them ----------------------------------------------------------------

-- name: keep_liquidation_hour
INSERT INTO liquidation_hours (asset, venue, at, longs_usd, shorts_usd, covered, rejected, whole)
VALUES (:asset, :venue, :at, :longs_usd, :shorts_usd, :covered, :rejected, :whole)
ON CONFLICT (asset, venue, at) DO UPDATE SET
    longs_usd = excluded.longs_usd, shorts_usd = excluded.shorts_usd, covered = excluded.covered,
    rejected = excluded.rejected, whole = excluded.whole;

-- name: drop_liquidation_hours
DELETE FROM liquidation_hours WHERE at < :kept OR (at < :recent AND whole = 1);

-- name: liquidation_hours
SELECT asset, venue, at, longs_usd, shorts_usd, covered, rejected, whole FROM liquidation_hours
WHERE at >= :since AND (CAST(:asset AS TEXT) IS NULL OR asset = :asset) ORDER BY at, venue, asset;

-- name: liquidated_bars_in_slots
-- Of a venue by slots: hourly bars that have closed. heard: how much of the time before :until that is. The bars are
-- sorted for it, so that each column more costs a tenth of it all.
SELECT at / :slot AS slot, sum(liquidated_longs_usd) AS longs, sum(liquidated_shorts_usd) AS shorts,
    3600000 * count(*) FILTER (WHERE at < :until) AS heard
FROM bars
WHERE asset = :asset AND venue = :venue AND step = 3600 AND at >= :start AND at < :closed
    AND liquidated_longs_usd IS NOT NULL AND liquidated_shorts_usd IS NOT NULL
GROUP BY at / :slot;

-- name: heard_in_slots
-- What a stream heard of the hours of which there is no such bar.
SELECT h.at / :slot AS slot, sum(h.longs_usd) AS longs, sum(h.shorts_usd) AS shorts,
    CAST(coalesce(sum(h.covered) FILTER (WHERE h.at < :until), 0) AS BIGINT) AS heard
FROM liquidation_hours h
WHERE h.asset = :asset AND h.venue = :venue AND h.at >= :start AND h.at <= :now
    AND (h.covered > 0 OR h.longs_usd > 0 OR h.shorts_usd > 0)
    AND NOT EXISTS (SELECT 1 FROM bars b
        WHERE b.asset = h.asset AND b.venue = h.venue AND b.step = 3600 AND b.at = h.at AND b.at < :closed
            AND b.liquidated_longs_usd IS NOT NULL AND b.liquidated_shorts_usd IS NOT NULL)
GROUP BY h.at / :slot;

-- name: liquidated_ends
-- From when and up to when any of that was heard: by bars, and by a stream.
SELECT (SELECT at FROM bars
        WHERE asset = :asset AND venue = :venue AND step = 3600 AND at >= :start AND at < :closed
            AND liquidated_longs_usd IS NOT NULL AND liquidated_shorts_usd IS NOT NULL
        ORDER BY at LIMIT 1),
    (SELECT at + 3600000 FROM bars
        WHERE asset = :asset AND venue = :venue AND step = 3600 AND at >= :start AND at < :closed
            AND liquidated_longs_usd IS NOT NULL AND liquidated_shorts_usd IS NOT NULL
        ORDER BY at DESC LIMIT 1),
    min(at), max(at + covered)
FROM liquidation_hours
WHERE asset = :asset AND venue = :venue AND at >= :start AND at <= :now
    AND (covered > 0 OR longs_usd > 0 OR shorts_usd > 0);

-- name: venues_of_liquidation_hours
SELECT DISTINCT venue FROM liquidation_hours WHERE asset = :asset AND at >= :start ORDER BY venue;

-- name: most_open_interest
SELECT max(open_interest_usd) AS most FROM levels
WHERE asset = :asset AND venue = :venue AND at >= :since AND open_interest_usd IS NOT NULL;

-- --- options.py: option chains ---------------------------------------------------------------------------------------

-- name: keep_option
INSERT INTO options (asset, venue, at, expiry, strike, type, open_interest_coin, iv, quoted)
VALUES (:asset, :venue, :at, :expiry, :strike, :type, :coins, :iv, :quoted)
ON CONFLICT (asset, venue, at, expiry, strike, type) DO UPDATE SET
    open_interest_coin = excluded.open_interest_coin, iv = excluded.iv, quoted = excluded.quoted;

-- name: newest_chain
SELECT venue, at FROM options WHERE asset = :asset AND at <= :until ORDER BY at DESC LIMIT 1;

-- name: chain
SELECT expiry, strike, type, open_interest_coin, iv, quoted FROM options
WHERE asset = :asset AND venue = :venue AND at = :at ORDER BY expiry, strike, type;

-- name: index_at
SELECT index_price FROM levels
WHERE asset = :asset AND venue = :venue AND at > :since AND at <= :at AND index_price IS NOT NULL
ORDER BY at DESC LIMIT 1;

-- name: chain_times
SELECT DISTINCT at FROM options WHERE asset = :asset ORDER BY at;
