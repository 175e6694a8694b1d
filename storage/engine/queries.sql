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

-- --- sharing/leases.py -------------------------------------------------------------------------------------------------

-- name: begin_process
INSERT INTO processes (place, roles, started, beat) VALUES (:place, :roles, :started, 0);

-- name: beat
UPDATE processes SET beat = beat + 1 WHERE id = :number;

-- name: processes
SELECT id, place, roles, beat, started FROM processes ORDER BY id;

-- name: leases
SELECT name, epoch, holder FROM leases ORDER BY name;

-- name: process_kept
-- It gives no sign of life until this transaction has ended.
SELECT id FROM processes WHERE id = :number AND beat = :beat {locked};

-- name: make_lease
INSERT INTO leases (name, epoch, holder) VALUES (:name, 0, NULL) ON CONFLICT DO NOTHING;

-- name: take_lease
UPDATE leases SET holder = :holder, epoch = epoch + 1 WHERE name = :name AND holder IS NULL;

-- name: leases_of
SELECT name, epoch FROM leases WHERE holder = :holder ORDER BY name;

-- name: give_up_lease
UPDATE leases SET holder = NULL WHERE name = :name AND holder = :holder;

-- name: give_up_all
UPDATE leases SET holder = NULL WHERE holder = :holder;

-- name: end_process
DELETE FROM processes WHERE id = :number;

-- name: leases_kept
-- Nobody takes them over until this transaction has ended.
SELECT name, epoch FROM leases WHERE holder = :holder AND name IN ({elements}(:names)) ORDER BY name {shared};

-- --- sharing/wishes.py -------------------------------------------------------------------------------------------------

-- name: make_wish
INSERT INTO wishes (asset, made) VALUES (:asset, :now);

-- name: open_wishes
SELECT id, asset FROM wishes WHERE answered IS NULL ORDER BY id;

-- name: answer_wish
UPDATE wishes SET answered = :stored WHERE id = :id AND answered IS NULL;

-- name: wish_answered
SELECT answered FROM wishes WHERE id = :id;

-- name: forget_wishes
DELETE FROM wishes WHERE made < :before OR made > :ahead;

