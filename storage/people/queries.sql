-- ------------------------------------------------------------------------------------------------ destinations.py

-- name: destination
SELECT * FROM destinations WHERE platform = :platform AND chat = :chat AND topic = :topic

-- name: ensure_destination
INSERT INTO destinations (platform, chat, topic, kind, title, created)
VALUES (:platform, :chat, :topic, :kind, :title, :now)
ON CONFLICT DO UPDATE SET gone = NULL, gone_reason = NULL, kind = excluded.kind, title = excluded.title

-- name: destinations
SELECT * FROM destinations ORDER BY id

-- name: subscribe
INSERT OR IGNORE INTO subscriptions (destination, rule, asset) VALUES (:destination, :rule, :asset)

-- name: unsubscribe
DELETE FROM subscriptions
WHERE destination = :destination AND (:rule = '*' OR rule = :rule) AND (:asset = '*' OR asset = :asset)

-- name: subscriptions
SELECT rule, asset FROM subscriptions WHERE destination = :destination ORDER BY asset, rule

-- name: set_zone
UPDATE destinations SET zone = :zone WHERE id = :destination

-- name: set_venue
UPDATE destinations SET venue = :venue WHERE id = :destination

-- name: topics_of_chat
SELECT id, topic FROM destinations WHERE platform = :platform AND chat = :chat

-- name: rename_chat
UPDATE destinations SET chat = :chat WHERE id = :destination

-- name: move_to_destination
UPDATE OR IGNORE {table} SET destination = :new WHERE destination = :old

-- name: forget_destination
DELETE FROM destinations WHERE id = :destination

-- name: bring_back
UPDATE destinations SET gone = NULL, gone_reason = NULL WHERE id = :destination

-- ---------------------------------------------------------------------------------------------------- switches.py

-- name: switch
INSERT INTO switches (destination, kind, what, until, hours) VALUES (:destination, :kind, :what, :until, :hours)
ON CONFLICT DO UPDATE SET until = excluded.until, hours = excluded.hours

-- name: switch_back
DELETE FROM switches WHERE destination = :destination AND kind = :kind AND what = :what

-- name: switches_of
SELECT destination, kind, what, until, hours FROM switches WHERE destination IN ({elements}(:destinations))
ORDER BY destination, kind, what
