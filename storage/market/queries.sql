-- storage.market.points

-- name: write_bars
INSERT INTO bars (asset, venue, step, at, {columns}) VALUES (?, ?, ?, ?, {values})
ON CONFLICT DO UPDATE SET {sets}

-- name: write_levels
INSERT INTO levels (asset, venue, at, {columns}) VALUES (?, ?, ?, {values})
ON CONFLICT DO UPDATE SET {sets}

-- name: write_series
INSERT INTO series (asset, input, venue, step, first, last) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last)

-- name: all_series
SELECT asset, input, venue, step, first, last FROM series

-- name: series_of_asset
SELECT asset, input, venue, step, first, last FROM series WHERE asset = :asset

-- name: series_of_input
SELECT venue, step, first, last FROM series WHERE asset = :asset AND input = :input

-- name: bar_at
SELECT {input} AS value FROM bars WHERE asset = :asset AND venue = :venue AND step = :step AND at = :at

-- name: level_at
SELECT {input} AS value FROM levels WHERE asset = :asset AND venue = :venue AND at = :at

-- name: last_bars
-- The rows at which a series of bars ends.
SELECT bars.venue, bars.asset, bars.step, bars.at, {columns} FROM bars JOIN
(SELECT DISTINCT asset, venue, step, last FROM series WHERE step > 0) AS ends
ON bars.asset = ends.asset AND bars.venue = ends.venue AND bars.step = ends.step AND bars.at = ends.last

-- name: last_levels
-- The rows at which a series of instants ends.
SELECT levels.venue, levels.asset, 0, levels.at, {columns} FROM levels JOIN
(SELECT DISTINCT asset, venue, last FROM series WHERE step = 0) AS ends
ON levels.asset = ends.asset AND levels.venue = ends.venue AND levels.at = ends.last

-- name: assets
SELECT DISTINCT asset FROM series ORDER BY asset

-- name: last_level_times
SELECT at FROM levels WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end AND {input} IS NOT NULL
ORDER BY at DESC LIMIT :most

-- name: last_bar_before
SELECT at FROM bars WHERE asset = :asset AND venue = :venue AND step = :step AND at < :end AND {input} IS NOT NULL
ORDER BY at DESC LIMIT 1

-- name: last_level_before
SELECT at FROM levels WHERE asset = :asset AND venue = :venue AND at < :end AND {input} IS NOT NULL
ORDER BY at DESC LIMIT 1

-- name: count_stretches
SELECT count(DISTINCT at / :apart) AS n FROM {table}
WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end AND {input} IS NOT NULL

-- name: bars_between
SELECT at, step, {columns} FROM bars
WHERE asset = :asset AND venue = :venue AND step IN ({elements}(:steps)) AND at >= :start AND at < :end
ORDER BY at

-- name: levels_between
SELECT at, {columns} FROM levels
WHERE asset = :asset AND venue = :venue AND at >= :start AND at < :end
ORDER BY at
