-- Queries of the engine: settings, which hold what has no table of its own.

-- name: setting
SELECT value FROM settings WHERE name = :name;

-- name: keep_setting
INSERT INTO settings (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: settings_of
-- Not LIKE: an underscore in a prefix would stand for any letter.
SELECT name, value FROM settings WHERE substr(name, 1, length(:prefix)) = :prefix ORDER BY name;
