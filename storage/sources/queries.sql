-- Queries of the sources: what they gave, what is missing, what was last known of them.

-- --- coverage.py: what history there is and what is missing ----------------------------------------------------------

-- name: keep_archive_file
INSERT INTO archive_files (path, state, checksum, row_count, asked) VALUES (:path, :state, :checksum, :rows, :asked)
ON CONFLICT (path) DO UPDATE SET
    state = excluded.state, checksum = excluded.checksum, row_count = excluded.row_count, asked = excluded.asked;

-- name: archive_files
SELECT path, state, checksum, row_count, asked FROM archive_files WHERE substr(path, 1, length(:prefix)) = :prefix
ORDER BY path;

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
WHERE asset = :asset AND (CAST(:venue AS TEXT) IS NULL OR venue = :venue)
    AND (CAST(:group AS TEXT) IS NULL OR input_group = :group) AND until > :since
ORDER BY venue, input_group, start;

-- name: drop_gaps_within
DELETE FROM gaps
WHERE asset = :asset AND venue = :venue AND input_group = :group AND start >= :start AND until <= :end;

-- name: owed
SELECT venue, topic, asset, since FROM history_owed ORDER BY venue, topic, asset;

-- name: owed_since
-- Of each asset from when on a past is owed by whoever is well.
SELECT owed.asset, min(CASE WHEN health.source IS NULL THEN owed.since END) AS since
FROM history_owed AS owed LEFT JOIN source_health AS health
    ON health.source = owed.venue AND health.topic = owed.topic AND health.state <> 'ok'
WHERE owed.since < :before GROUP BY owed.asset ORDER BY owed.asset;

-- name: keep_owed
INSERT INTO history_owed (venue, topic, asset, since) VALUES (:venue, :topic, :asset, :since)
ON CONFLICT (venue, topic, asset) DO UPDATE SET since = excluded.since;

-- name: drop_owed
DELETE FROM history_owed WHERE venue = :venue AND topic = :topic AND asset = :asset;

-- --- differences.py: where the archive differs from what had come live -----------------------------------------------

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

-- --- source_state.py: what was last known of each source -------------------------------------------------------------

-- name: keep_source
INSERT INTO source_health (source, topic, state, since, last_good, next_try, error, quarantined)
VALUES (:source, :topic, :state, :since, :last_good, :next_try, :error, :quarantined)
ON CONFLICT (source, topic) DO UPDATE SET
    state = excluded.state, since = excluded.since, last_good = excluded.last_good, next_try = excluded.next_try,
    error = excluded.error, quarantined = excluded.quarantined;

-- name: sources
SELECT source, topic, state, since, last_good, next_try, error, quarantined FROM source_health ORDER BY source, topic;

-- --- ages.py: how old what is known of a source is ------------------------------------------------------------------

-- name: known_until
-- Of each input of a venue: up to when the asset is known that is furthest behind. A bar is known at its close.
SELECT venue, input, min(known) AS known FROM (
    SELECT asset, venue, input, max(last + 1000 * step) AS known FROM spans
    WHERE asset IN ({elements}(:assets)) GROUP BY asset, venue, input) AS newest
GROUP BY venue, input ORDER BY venue, input;
