-- Queries of the engine: settings, which hold what has no table of its own.

-- name: setting
SELECT value FROM settings WHERE name = :name;

-- name: keep_setting
INSERT INTO settings (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: settings_of
-- Not LIKE: an underscore in a prefix would stand for any letter.
SELECT name, value FROM settings WHERE substr(name, 1, length(:prefix)) = :prefix ORDER BY name;

-- --- moving.py: a table of any name, a page at a time in the order of its key ------------------------------------------

-- name: first_page
SELECT {columns} FROM {table} ORDER BY {keys} LIMIT :most;

-- name: next_page
SELECT {columns} FROM {table} WHERE ({keys}) > ({keys|:*}) ORDER BY {keys} LIMIT :most;

-- name: put_in
INSERT INTO {table} ({columns}) VALUES ({columns|:*}) ON CONFLICT DO NOTHING;

-- name: count_in
SELECT count(*) AS count FROM {table};

-- name: drop_setting
DELETE FROM settings WHERE name = :name;
