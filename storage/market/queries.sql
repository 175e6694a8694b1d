-- --- rewritten.py: what was written into the past -------------------------------------------------------------------

-- name: note_late
-- Notes values of an input where it has one at or after the first of them already.
INSERT OR REPLACE INTO rewritten (asset, venue, first, last)
SELECT :asset, :venue, :first, :last FROM series
WHERE asset = :asset AND input = :input AND venue = :venue AND step = :step AND last >= :first;

-- name: note_rewritten
INSERT OR REPLACE INTO rewritten (asset, venue, first, last) VALUES (:asset, :venue, :first, :last);

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

-- --- liquidations.py ------------------------------------------------------------------------------------------------

-- name: most_open_interest
SELECT max(open_interest_usd) AS most FROM levels
WHERE asset = :asset AND venue = :venue AND at >= :since AND open_interest_usd IS NOT NULL;
