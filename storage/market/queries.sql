-- Queries of the market: points, panels, coverage, retention. Each stands under a line with its name; the modules that
-- use them are named above theirs.

-- --- points.py: raw series -----------------------------------------------------------------------------------------

-- name: write_bars
-- A value that is not known today never wipes out one that was known yesterday.
INSERT INTO bars (asset, venue, step, at, {columns}) VALUES (:asset, :venue, :step, :at, {columns|:*})
ON CONFLICT (asset, venue, step, at) DO UPDATE SET {columns|* = coalesce(excluded.*, bars.*)};

-- name: write_levels
INSERT INTO levels (asset, venue, at, {columns}) VALUES (:asset, :venue, :at, {columns|:*})
ON CONFLICT (asset, venue, at) DO UPDATE SET {columns|* = coalesce(excluded.*, levels.*)};

-- name: write_series
INSERT INTO series (asset, input, venue, step, first, last) VALUES (:asset, :input, :venue, :step, :first, :last)
ON CONFLICT (asset, input, venue, step) DO UPDATE SET
    first = min(series.first, excluded.first), last = max(series.last, excluded.last);

-- name: all_series
SELECT asset, input, venue, step, first, last FROM series;

-- name: series_of_asset
SELECT asset, input, venue, step, first, last FROM series WHERE asset = :asset;

-- name: series_of_input
SELECT venue, step, first, last FROM series WHERE asset = :asset AND input = :input;

-- name: bar_at
SELECT {input} AS value FROM bars WHERE asset = :asset AND venue = :venue AND step = :step AND at = :at;

-- name: level_at
SELECT {input} AS value FROM levels WHERE asset = :asset AND venue = :venue AND at = :at;

-- name: last_bars
-- The rows at which a series of bars ends.
SELECT bars.venue, bars.asset, bars.step, bars.at, {columns} FROM bars JOIN
(SELECT DISTINCT asset, venue, step, last FROM series WHERE step > 0) AS ends
ON bars.asset = ends.asset AND bars.venue = ends.venue AND bars.step = ends.step AND bars.at = ends.last;

-- name: last_levels
-- The rows at which a series of instants ends.
SELECT levels.venue, levels.asset, 0, levels.at, {columns} FROM levels JOIN
(SELECT DISTINCT asset, venue, last FROM series WHERE step = 0) AS ends
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
WHERE asset = :asset AND venue = :venue AND step IN ({elements}(:steps)) AND at >= :start AND at < :end
ORDER BY at;

-- name: levels_between
SELECT at, {columns} FROM levels
WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end
ORDER BY at;

-- name: last_settled
-- The settlements at which a series of instants ends.
SELECT settlements.venue, settlements.asset, 0, settlements.at, {columns} FROM settlements JOIN
(SELECT DISTINCT asset, venue, last FROM series WHERE step = 0) AS ends
ON settlements.asset = ends.asset AND settlements.venue = ends.venue AND settlements.at = ends.last;

-- --- settlements.py: funding as it was settled ---------------------------------------------------------------------

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
WHERE asset = :asset AND venue = :venue AND step = 3600 AND at >= :start AND at <= :end AND close IS NOT NULL;

-- name: last_rates_of_hours
-- What was last announced in each hour: a live feed writes sixty times as many.
SELECT at / :hour AS hour, funding_rate, funding_interval_hours, at FROM levels
WHERE asset = :asset AND venue = :venue AND at IN (
    SELECT max(at) FROM levels
    WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end AND funding_rate IS NOT NULL
    GROUP BY at / :hour
)
ORDER BY at;

-- --- ranges.py: between which prices an asset moved ----------------------------------------------------------------

-- name: closed_bars
-- Bars that began in a stretch and were closed by its end. The lengths are named, because the key has them before the
-- time.
SELECT at, step, low, high FROM bars
WHERE asset = :asset AND venue = :venue AND step IN ({elements}(:steps)) AND at >= :start AND at <= :end
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

-- --- retention.py: what is kept how long ---------------------------------------------------------------------------

-- name: busy_windows
SELECT at / :window AS part FROM levels
WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end
GROUP BY part HAVING count(*) > count(DISTINCT at / :bucket);

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
SELECT asset, venue, min(first) FROM series WHERE step = 0 AND first < :end GROUP BY asset, venue;

-- name: levels_begun
SELECT input FROM series
WHERE asset = :asset AND venue = :venue AND step = 0 AND first >= :start AND first < :end;

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
SELECT input FROM series WHERE asset = :asset AND venue = :venue AND step = :step AND first <= :last;

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
        WHERE notice = notices.id AND (state IN ('queued', 'sending', 'uncertain') OR settled >= :end)
    );

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

-- --- settings, which hold what has no table of its own -------------------------------------------------------------

-- name: setting
SELECT value FROM settings WHERE name = :name;

-- name: keep_setting
INSERT INTO settings (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: settings_of
-- Settings whose name begins so.
SELECT name, value FROM settings WHERE substr(name, 1, length(:prefix)) = :prefix;

-- --- coverage.py: what history there is and what is missing --------------------------------------------------------

-- name: keep_archive_file
INSERT INTO archive_files (path, state, checksum, row_count, asked) VALUES (:path, :state, :checksum, :rows, :asked)
ON CONFLICT (path) DO UPDATE SET
    state = excluded.state, checksum = excluded.checksum, row_count = excluded.row_count, asked = excluded.asked;

-- name: archive_files
SELECT path, state, checksum, row_count, asked FROM archive_files WHERE substr(path, 1, length(:prefix)) = :prefix;

-- name: drop_gaps
DELETE FROM gaps
WHERE asset = :asset AND venue = :venue AND input_group = :group AND start >= :start AND start < :end;

-- name: keep_gap
INSERT INTO gaps (asset, venue, input_group, start, until, reason)
VALUES (:asset, :venue, :group, :start, :end, :reason)
ON CONFLICT (asset, venue, input_group, start) DO UPDATE SET until = excluded.until, reason = excluded.reason;

-- name: drop_gaps_before
DELETE FROM gaps WHERE asset = :asset AND venue = :venue AND start < :at AND until <= :first;

-- name: drop_gaps_begun
-- All but one of those that will begin together.
DELETE FROM gaps
WHERE asset = :asset AND venue = :venue AND start <= :at AND EXISTS (
    SELECT 1 FROM gaps AS other
    WHERE other.asset = gaps.asset AND other.venue = gaps.venue AND other.input_group = gaps.input_group
        AND other.start < :at AND (gaps.start = :at OR gaps.start < other.start)
);

-- name: begin_gaps
UPDATE gaps SET start = :at WHERE asset = :asset AND venue = :venue AND start < :at;

-- name: gaps
SELECT venue, input_group, start, until, reason FROM gaps
WHERE asset = :asset AND (:venue IS NULL OR venue = :venue) AND (:group IS NULL OR input_group = :group)
    AND until > :since
ORDER BY venue, input_group, start;

-- name: drop_gaps_within
DELETE FROM gaps
WHERE asset = :asset AND venue = :venue AND input_group = :group AND start >= :start AND until <= :end;

-- name: owed
SELECT venue, topic, asset, since FROM history_owed;

-- name: keep_owed
INSERT INTO history_owed (venue, topic, asset, since) VALUES (:venue, :topic, :asset, :since)
ON CONFLICT (venue, topic, asset) DO UPDATE SET since = excluded.since;

-- name: drop_owed
DELETE FROM history_owed WHERE venue = :venue AND topic = :topic AND asset = :asset;

-- --- differences.py: where the archive differs from what had come live ---------------------------------------------

-- name: keep_difference
INSERT INTO archive_differences (asset, venue, input, at, compared, differing, largest)
VALUES (:asset, :venue, :input, :at, :compared, :differing, :largest)
ON CONFLICT (asset, venue, input, at) DO UPDATE SET
    compared = excluded.compared, differing = excluded.differing, largest = excluded.largest;

-- name: drop_difference
DELETE FROM archive_differences WHERE asset = :asset AND venue = :venue AND input = :input AND at = :at;

-- name: differences
SELECT venue, input, at, compared, differing, largest FROM archive_differences
WHERE asset = :asset AND at >= :since ORDER BY at DESC, venue, input;

-- --- history.py: stored history in the order of a file, a page at a time -------------------------------------------

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

-- --- liquidations.py: by hour, as a stream heard them --------------------------------------------------------------

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
WHERE at >= :since AND (:asset IS NULL OR asset = :asset) ORDER BY at, venue, asset;

-- name: most_open_interest
SELECT max(open_interest_usd) AS most FROM levels
WHERE asset = :asset AND venue = :venue AND at >= :since AND open_interest_usd IS NOT NULL;

-- --- options.py: option chains -------------------------------------------------------------------------------------

-- name: keep_option
INSERT INTO options (asset, venue, at, expiry, strike, type, open_interest_coin, iv)
VALUES (:asset, :venue, :at, :expiry, :strike, :type, :coins, :iv)
ON CONFLICT (asset, venue, at, expiry, strike, type) DO UPDATE SET
    open_interest_coin = excluded.open_interest_coin, iv = excluded.iv;

-- name: newest_chain
SELECT venue, at FROM options WHERE asset = :asset AND at <= :until ORDER BY at DESC LIMIT 1;

-- name: chain
SELECT expiry, strike, type, open_interest_coin, iv FROM options
WHERE asset = :asset AND venue = :venue AND at = :at ORDER BY expiry, strike, type;

-- name: chain_times
SELECT DISTINCT at FROM options WHERE asset = :asset ORDER BY at;

-- --- source_state.py: what was last known of each source -----------------------------------------------------------

-- name: keep_source
INSERT INTO source_health (source, topic, state, since, last_good, next_try, error, quarantined)
VALUES (:source, :topic, :state, :since, :last_good, :next_try, :error, :quarantined)
ON CONFLICT (source, topic) DO UPDATE SET
    state = excluded.state, since = excluded.since, last_good = excluded.last_good, next_try = excluded.next_try,
    error = excluded.error, quarantined = excluded.quarantined;

-- name: sources
SELECT source, topic, state, since, last_good, next_try, error, quarantined FROM source_health ORDER BY source, topic;

-- --- rewritten.py: what was written into the past -------------------------------------------------------------------

-- name: note_late
-- Notes values of an input where it has one at or after the first of them already.
INSERT INTO rewritten (asset, venue, first, last)
SELECT :asset, :venue, :first, :last FROM series
WHERE asset = :asset AND input = :input AND venue = :venue AND step = :step AND last >= :first
ON CONFLICT (asset, venue, first, last) DO UPDATE SET id = (SELECT max(id) FROM rewritten) + 1;

-- name: note_rewritten
INSERT INTO rewritten (asset, venue, first, last) VALUES (:asset, :venue, :first, :last)
ON CONFLICT (asset, venue, first, last) DO UPDATE SET id = (SELECT max(id) FROM rewritten) + 1;

-- name: forget_rewritten
DELETE FROM rewritten WHERE id <= (SELECT max(id) FROM rewritten) - :kept;

-- name: last_rewritten
SELECT max(id) AS id FROM rewritten;

-- name: rewritten_since
SELECT id, asset, venue, first, last FROM rewritten WHERE id > :id ORDER BY id LIMIT :most;

-- --- folded.py: inputs on the rows of a grid ------------------------------------------------------------------------

-- name: last_levels_of_rows
-- The last value of each row: a search a row, where reading them all would read sixty points for one.
WITH RECURSIVE steps(start) AS (SELECT :start UNION ALL SELECT start + :step FROM steps WHERE start + :step < :end)
SELECT (
    SELECT {name} FROM levels
    WHERE asset = :asset AND venue = :venue AND at >= steps.start AND at < steps.start + :step AND {name} IS NOT NULL
    ORDER BY at DESC LIMIT 1
) AS value FROM steps ORDER BY steps.start;

-- name: last_rates_of_rows
-- Settlements after which nothing was announced in their row: there they are the last word.
SELECT at, {name} AS value FROM settlements AS paid
WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end AND {name} IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM levels
    WHERE levels.asset = paid.asset AND levels.venue = paid.venue AND levels.at > paid.at
        AND levels.at < (paid.at / :step + 1) * :step AND levels.{name} IS NOT NULL
)
ORDER BY at;

-- name: last_rate_settled
SELECT at, 0 AS step, {name} AS value FROM settlements
WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end AND {name} IS NOT NULL
ORDER BY at DESC LIMIT 1;

-- name: last_level
SELECT at, 0 AS step, {name} AS value FROM levels
WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end AND {name} IS NOT NULL
ORDER BY at DESC LIMIT 1;

-- name: last_bar
-- The newest bar, of those that begin together the longest. Lengths are named, because the key has them before the time.
SELECT at, step, {name} AS value FROM bars
WHERE asset = :asset AND venue = :venue AND step IN ({elements}(:steps)) AND at >= :start AND at < :end
    AND {name} IS NOT NULL
ORDER BY at DESC, step DESC LIMIT 1;

-- name: last_close
SELECT max(at + step * 1000) AS at FROM bars
WHERE asset = :asset AND venue = :venue AND step IN ({elements}(:steps)) AND at >= :start AND at < :end
    AND at + step * 1000 <= :end AND {name} IS NOT NULL;

-- name: bars_of_rows
SELECT at, step, {names} FROM bars
WHERE asset = :asset AND venue = :venue AND step IN ({elements}(:steps)) AND at >= :start AND at < :end
ORDER BY at;
