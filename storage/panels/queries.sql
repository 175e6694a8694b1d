-- Queries of the panels: what of a series lies on the rows of a grid.

-- --- folded.py: inputs on the rows of a grid -------------------------------------------------------------------------

-- name: last_levels_of_rows
-- The last value of each row: a search a row, where reading them all would read sixty points for one.
WITH RECURSIVE steps(start) AS (
    SELECT CAST(:start AS BIGINT) UNION ALL SELECT start + :step FROM steps WHERE start + :step < :end
)
SELECT {names|(
    SELECT * FROM levels
    WHERE asset = :asset AND venue = :venue AND at >= steps.start AND at < steps.start + :step AND * IS NOT NULL
    ORDER BY at DESC LIMIT 1
) AS *} FROM steps ORDER BY steps.start;

-- name: count_levels
SELECT count(*) AS n FROM (
    SELECT 1 FROM levels WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end LIMIT :most
) AS found;

-- name: levels
SELECT at, {names} FROM levels
WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end AND coalesce({names}, NULL) IS NOT NULL
ORDER BY at;

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
WHERE asset = :asset AND venue = :venue AND step IN ({numbers}(:steps)) AND at >= :start AND at < :end
    AND {name} IS NOT NULL
ORDER BY at DESC, step DESC LIMIT 1;

-- name: last_close
SELECT max(at + step * 1000) AS at FROM bars
WHERE asset = :asset AND venue = :venue AND step IN ({numbers}(:steps)) AND at >= :start AND at < :end
    AND at + step * 1000 <= :end AND {name} IS NOT NULL;

-- name: bars_of_rows
SELECT at, step, {names} FROM bars
WHERE asset = :asset AND venue = :venue AND step IN ({numbers}(:steps)) AND at >= :start AND at < :end
ORDER BY at;
