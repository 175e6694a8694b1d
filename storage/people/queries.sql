-- Queries of what is kept for people. Each stands under a line with its name; the modules that use them are named above
-- theirs.

-- --- destinations.py ----------------------------------------------------------------------------------------

-- name: destination
SELECT * FROM destinations WHERE platform = :platform AND chat = :chat AND topic = :topic;

-- name: ensure_destination
INSERT INTO destinations (platform, chat, topic, kind, title, server, person, zone, created)
VALUES (:platform, :chat, :topic, :kind, :title, :server, :person, :zone, :now)
ON CONFLICT (platform, chat, topic) DO UPDATE SET gone = NULL, gone_reason = NULL,
    rests_until = CASE WHEN destinations.gone_reason IS NULL THEN destinations.rests_until END,
    kind = excluded.kind, title = excluded.title, server = coalesce(excluded.server, destinations.server),
    person = coalesce(excluded.person, destinations.person);

-- name: destinations
SELECT * FROM destinations ORDER BY id;

-- name: unmet_chats
SELECT DISTINCT chat FROM destinations
WHERE platform = :platform AND kind = 'private' AND person IS NULL AND gone IS NULL ORDER BY chat;

-- name: private_chat
-- Of older rows it is not known whose they are; where a private chat has the id of the person, they are theirs.
SELECT * FROM destinations WHERE platform = :platform AND kind = 'private' AND topic = ''
    AND (person = :person OR (person IS NULL AND chat = :person))
ORDER BY CASE WHEN gone IS NULL THEN 0 ELSE 1 END, id LIMIT 1;

-- name: own_chats
-- At every bot of a platform, whose words are its own or begin with it: telegram@alpha.
SELECT id, platform FROM destinations
WHERE (platform = :platform OR substr(platform, 1, length(:platform) + 1) = :platform || '@') AND kind = 'private'
    AND (person = :person OR (person IS NULL AND chat = :person))
ORDER BY id;

-- name: keep_person
UPDATE destinations SET person = :person WHERE platform = :platform AND chat = :chat AND kind = 'private';

-- name: subscribe
INSERT INTO subscriptions (destination, rule, asset) VALUES (:destination, :rule, :asset) ON CONFLICT DO NOTHING;

-- name: unsubscribe
DELETE FROM subscriptions
WHERE destination = :destination AND (:rule = '*' OR rule = :rule) AND (:asset = '*' OR asset = :asset);

-- name: subscriptions
SELECT rule, asset FROM subscriptions WHERE destination = :destination ORDER BY asset, rule;

-- name: set_zone
UPDATE destinations SET zone = :zone WHERE id = :destination;

-- name: set_venue
UPDATE destinations SET venue = :venue WHERE id = :destination;

-- name: topics_of_chat
SELECT id, topic FROM destinations WHERE platform = :platform AND chat = :chat ORDER BY id;

-- name: rename_chat
UPDATE destinations SET chat = :chat WHERE id = :destination;

-- name: move_subscriptions
UPDATE subscriptions SET destination = :new WHERE destination = :old AND NOT EXISTS (
    SELECT 1 FROM subscriptions known WHERE known.destination = :new AND known.rule = subscriptions.rule AND known.asset = subscriptions.asset);

-- name: move_switches
UPDATE switches SET destination = :new WHERE destination = :old AND NOT EXISTS (
    SELECT 1 FROM switches known WHERE known.destination = :new AND known.kind = switches.kind AND known.what = switches.what);

-- name: move_outbox
UPDATE outbox SET destination = :new WHERE destination = :old AND NOT EXISTS (
    SELECT 1 FROM outbox known WHERE known.destination = :new AND known.notice = outbox.notice);

-- name: move_messages
UPDATE messages SET destination = :new WHERE destination = :old AND NOT EXISTS (
    SELECT 1 FROM messages known WHERE known.destination = :new AND known.episode = messages.episode);

-- name: forget_destination
DELETE FROM destinations WHERE id = :destination;

-- name: bring_back
UPDATE destinations SET gone = NULL, gone_reason = NULL WHERE id = :destination;

-- --- access.py ----------------------------------------------------------------------------------------------

-- name: owners
SELECT platform, person, since FROM owners ORDER BY since, platform, person;

-- name: owner
SELECT since FROM owners WHERE platform = :platform AND person = :person;

-- name: add_owner
INSERT INTO owners (platform, person, since) VALUES (:platform, :person, :now) ON CONFLICT DO NOTHING;

-- name: drop_owner
DELETE FROM owners WHERE platform = :platform AND person = :person;

-- name: permits
SELECT platform, kind, name, allowed, since FROM permits ORDER BY platform, kind, name;

-- name: permitted
SELECT kind, allowed FROM permits
WHERE platform = :platform AND ((kind = 'person' AND name = :person) OR (kind = 'chat' AND name = :chat));

-- name: permit
INSERT INTO permits (platform, kind, name, allowed, since) VALUES (:platform, :kind, :name, :allowed, :now)
ON CONFLICT (platform, kind, name) DO UPDATE SET allowed = excluded.allowed, since = excluded.since;

-- name: drop_permit
DELETE FROM permits WHERE platform = :platform AND kind = :kind AND name = :name;

-- name: move_permits
UPDATE permits SET name = :new WHERE platform = :platform AND kind = 'chat' AND name = :old AND NOT EXISTS (
    SELECT 1 FROM permits known WHERE known.platform = :platform AND known.kind = 'chat' AND known.name = :new);

-- --- digests.py ---------------------------------------------------------------------------------------------

-- name: digests_of
SELECT g.*, d.zone FROM digests g JOIN destinations d ON d.id = g.destination
WHERE g.destination = :destination ORDER BY g.kind;

-- name: digests_due
-- Searched by the index of `next`: there are as many rows as chats that want a digest, and few of them are due.
SELECT g.*, d.zone FROM digests g JOIN destinations d ON d.id = g.destination
WHERE g.next <= :now AND d.gone IS NULL ORDER BY g.next, g.id LIMIT :most;

-- name: every_digest
SELECT g.*, d.zone FROM digests g JOIN destinations d ON d.id = g.destination ORDER BY g.id;

-- name: order_digest
INSERT INTO digests (destination, kind, days, at, assets, next)
VALUES (:destination, :kind, :days, :at, :assets, :due)
ON CONFLICT (destination, kind) DO UPDATE SET days = excluded.days, at = excluded.at, assets = excluded.assets, next = excluded.next;

-- name: plan_digest
UPDATE digests SET next = :due WHERE id = :id;

-- name: digest_made
UPDATE digests SET last_date = :day, last_at = :now, next = :due WHERE id = :id AND next = :was;

-- name: take_digest_back
UPDATE digests SET last_date = :day, last_at = :at, next = :due WHERE id = :id;

-- name: move_digest_zone
UPDATE digests SET last_date = :day, next = :due WHERE id = :id;

-- name: stop_digest
DELETE FROM digests WHERE destination = :destination AND kind = :kind;

-- name: move_digests
UPDATE digests SET destination = :new WHERE destination = :old AND NOT EXISTS (
    SELECT 1 FROM digests known WHERE known.destination = :new AND known.kind = digests.kind);

-- --- switches.py --------------------------------------------------------------------------------------------

-- name: switch
-- The column is called as what it held first.
INSERT INTO switches (destination, kind, what, until, hours) VALUES (:destination, :kind, :what, :until, :value)
ON CONFLICT (destination, kind, what) DO UPDATE SET until = excluded.until, hours = excluded.hours;

-- name: switch_back
DELETE FROM switches WHERE destination = :destination AND kind = :kind AND what = :what;

-- name: switch_sounds_back
DELETE FROM switches WHERE destination = :destination AND kind IN ('loud', 'silent');

-- name: drop_ended_mutes
DELETE FROM switches WHERE destination = :destination AND kind = 'mute' AND until <= :now;

-- name: drop_mutes_until_over
DELETE FROM switches WHERE destination = :destination AND kind = 'mute' AND hours = :value;

-- name: call_role
INSERT INTO server_roles (platform, server, role, rank) VALUES (:platform, :server, :role, :rank)
ON CONFLICT (platform, server) DO UPDATE SET role = excluded.role, rank = excluded.rank;

-- name: call_no_role
DELETE FROM server_roles WHERE platform = :platform AND server = :server;

-- name: role_of_server
SELECT role, rank FROM server_roles WHERE platform = :platform AND server = :server;

-- name: forget_roles
-- Those of servers of which no chat is known any more.
DELETE FROM server_roles WHERE NOT EXISTS (
    SELECT 1 FROM destinations d WHERE d.platform = server_roles.platform AND d.server = server_roles.server);

-- name: switches_of
-- The role of a server is called in each of its chats.
-- What ends with an episode (`episode 42`) is over when that has ended, or is not known any more.
SELECT s.destination, s.kind, s.what, s.until, s.hours AS value,
    s.kind = 'mute' AND s.hours IS NOT NULL AND (e.id IS NULL OR e.ended IS NOT NULL) AS ended
FROM switches s LEFT JOIN episodes e ON e.id = CASE WHEN s.kind = 'mute' THEN CAST(substr(s.hours, 9) AS BIGINT) END
WHERE s.destination IN ({numbers}(:destinations))
UNION ALL
SELECT d.id, 'mention', r.role, NULL, r.rank, FALSE
FROM destinations d JOIN server_roles r ON r.platform = d.platform AND r.server = d.server
WHERE d.id IN ({numbers}(:destinations))
ORDER BY 1, 2, 3;

-- --- positions.py: what people watch for themselves ----------------------------------------------------------------

-- name: positions_of
-- Those of followed addresses last.
SELECT p.*, d.zone FROM positions p JOIN destinations d ON d.id = p.destination
WHERE p.platform = :platform AND p.owner = :owner
ORDER BY p.number IS NULL, p.number, p.id;

-- name: typed_positions
SELECT p.*, d.zone FROM positions p JOIN destinations d ON d.id = p.destination
WHERE p.followed IS NULL AND d.gone IS NULL
ORDER BY p.id;

-- name: positions_at
SELECT p.*, d.zone FROM positions p JOIN destinations d ON d.id = p.destination
WHERE p.destination = :destination
ORDER BY p.number IS NULL, p.number, p.id;

-- name: held_positions
SELECT p.*, d.zone FROM positions p JOIN destinations d ON d.id = p.destination
WHERE p.followed = :followed
ORDER BY p.id;

-- name: followed_of
SELECT f.*, d.zone FROM followed f JOIN destinations d ON d.id = f.destination
WHERE f.platform = :platform AND f.owner = :owner
ORDER BY f.number;

-- name: followed
SELECT f.*, d.zone FROM followed f JOIN destinations d ON d.id = f.destination
WHERE d.gone IS NULL
ORDER BY f.id;

-- name: same_position
SELECT number FROM positions
WHERE platform = :platform AND owner = :owner AND followed IS NULL AND asset = :asset AND venue = :venue
    AND contract = :contract AND side = :side AND entry = :entry AND leverage = :leverage
    AND multiplier = :multiplier AND quote_currency IS NOT DISTINCT FROM :quote_currency
    AND size_coins IS NOT DISTINCT FROM :size_coins AND size_usd IS NOT DISTINCT FROM :size_usd;

-- name: tell_position_at
-- A typed one by its number, or those of an address by that of the address.
UPDATE positions SET destination = :destination
WHERE platform = :platform AND owner = :owner AND destination <> :destination AND (number = :number OR followed IN (
    SELECT id FROM followed WHERE platform = :platform AND owner = :owner AND number = :number));

-- name: tell_followed_at
UPDATE followed SET destination = :destination
WHERE platform = :platform AND owner = :owner AND destination <> :destination AND number = :number;

-- name: told_nowhere
SELECT p.number FROM positions p JOIN destinations d ON d.id = p.destination
WHERE p.platform = :platform AND p.owner = :owner AND p.followed IS NULL AND d.gone IS NOT NULL
UNION SELECT f.number FROM followed f JOIN destinations d ON d.id = f.destination
WHERE f.platform = :platform AND f.owner = :owner AND d.gone IS NOT NULL
ORDER BY 1;

-- name: count_typed
SELECT count(*) AS n FROM positions WHERE platform = :platform AND owner = :owner AND followed IS NULL;

-- name: highest_number
-- Positions and addresses of one person are numbered together.
SELECT max(number) AS number FROM (
    SELECT number FROM positions WHERE platform = :platform AND owner = :owner
    UNION ALL
    SELECT number FROM followed WHERE platform = :platform AND owner = :owner
) AS numbers;

-- name: add_position
INSERT INTO positions (
    destination, platform, owner, number, followed, asset, quote_currency, multiplier, venue, contract, side, entry,
    leverage, size_coins, size_usd, name, lines, begun, state, table_of
) VALUES (
    :destination, :platform, :owner, :number, :followed, :asset, :quote_currency, :multiplier, :venue, :contract,
    :side, :entry, :leverage, :size_coins, :size_usd, :name, :lines, :begun, :state, :table_of
);

-- name: position_as_read
SELECT name, lines, added, looked, doubt FROM positions WHERE id = :position;

-- name: save_position
UPDATE positions SET
    state = :state, episode = :episode, table_of = :table_of, silent = :silent, given = :given, mark = :mark,
    seen = :seen, looked = :looked, doubt = :doubt, entry = :entry, leverage = :leverage, size_coins = :size_coins
WHERE id = :position;

-- name: change_position
UPDATE positions SET name = :name, lines = :lines, added = :added WHERE id = :position;

-- name: end_episodes
UPDATE episodes SET ended = :at WHERE rule = :rule AND ended IS NULL;

-- name: owner_of_followed
SELECT platform, owner FROM followed WHERE id = :followed;

-- name: add_followed
INSERT INTO followed (destination, platform, owner, number, address, name, lines, begun)
VALUES (:destination, :platform, :owner, :number, :address, :name, :lines, :begun);

-- name: change_followed
UPDATE followed SET name = :name, lines = :lines WHERE id = :followed;

-- name: note_look
UPDATE followed SET seen = coalesce(:seen, seen), silent = :silent WHERE id = :followed;

-- name: drop_position
DELETE FROM positions WHERE id = :position;

-- name: drop_followed
DELETE FROM followed WHERE id = :followed;

-- name: positions_held_by
SELECT id FROM positions WHERE followed = :followed;

-- --- what is written about one position alone goes with it: positions.py, forgetting.py ----------------------------

-- name: drop_outbox_of_rule
DELETE FROM outbox WHERE notice IN (SELECT id FROM notices WHERE rule = :rule);

-- name: drop_notices_of_rule
DELETE FROM notices WHERE rule = :rule;

-- name: drop_messages_of_rule
DELETE FROM messages WHERE episode IN (SELECT id FROM episodes WHERE rule = :rule);

-- name: drop_episodes_of_rule
DELETE FROM episodes WHERE rule = :rule;

-- --- rules.py: rules that chats wrote for themselves ------------------------------------------------------------------

-- name: own_rules_of
SELECT id, destination, number, line, rule, scope, person, created, paused, paused_for, once, at_most, told
FROM own_rules WHERE destination = :destination ORDER BY number;

-- name: own_rules
-- Those of chats that can be told; what is paused is among them, since its state goes on.
SELECT o.id, o.destination, o.number, o.line, o.rule, o.scope, o.person, o.created, o.paused, o.paused_for, o.once, o.at_most, o.told
FROM own_rules o JOIN destinations d ON d.id = o.destination WHERE d.gone IS NULL ORDER BY o.id;

-- name: count_own_rules
-- In this chat, by this person anywhere, and in all.
SELECT count(CASE WHEN destination = :destination THEN 1 END) AS here,
    count(CASE WHEN person = :person THEN 1 END) AS mine, count(*) AS every FROM own_rules;

-- name: next_rule_number
UPDATE destinations SET rules_made = rules_made + 1 WHERE id = :destination;

-- name: last_rule_number
SELECT rules_made FROM destinations WHERE id = :destination;

-- name: add_own_rule
INSERT INTO own_rules (destination, number, line, rule, scope, person, created, once, at_most)
VALUES (:destination, :number, :line, :rule, :scope, :person, :now, :once, :at_most);

-- name: change_own_rule
UPDATE own_rules SET line = :line, rule = :rule, scope = :scope, once = :once, at_most = :at_most, paused = NULL,
    paused_for = NULL, told = NULL
WHERE destination = :destination AND number = :number;

-- name: pause_own_rule
UPDATE own_rules SET paused = coalesce(paused, :now), paused_for = coalesce(paused_for, :reason)
WHERE destination = :destination AND number = :number;

-- name: resume_own_rule
UPDATE own_rules SET paused = NULL, paused_for = NULL WHERE destination = :destination AND number = :number;

-- name: drop_own_rule
DELETE FROM own_rules WHERE destination = :destination AND number = :number;

-- name: forget_own_rules
DELETE FROM own_rules WHERE destination IN ({numbers}(:places));

-- name: move_own_rules
-- The numbers go on behind those that the other place has given.
UPDATE own_rules SET destination = :new,
    number = number + (SELECT rules_made FROM destinations WHERE id = :new)
WHERE destination = :old;

-- name: rules_made_together
UPDATE destinations SET rules_made = rules_made + (SELECT rules_made FROM destinations WHERE id = :old)
WHERE id = :new;

-- name: try_rule
INSERT INTO tried (destination, hash, at) VALUES (:destination, :hash, :now) ON CONFLICT DO NOTHING;

-- name: count_tried
SELECT count(*) AS count FROM tried WHERE destination = :destination;

-- name: move_tried
UPDATE tried SET destination = :new WHERE destination = :old AND NOT EXISTS (
    SELECT 1 FROM tried known WHERE known.destination = :new AND known.hash = tried.hash);

-- name: share_rule
INSERT INTO shared_rules (token, destination, line, created) VALUES (:token, :destination, :line, :now)
ON CONFLICT DO NOTHING;

-- name: token_of_rule
SELECT token FROM shared_rules WHERE destination = :destination AND line = :line;

-- name: shared_rule
SELECT line FROM shared_rules WHERE token = :token;

-- name: move_shared_rules
UPDATE shared_rules SET destination = :new WHERE destination = :old AND NOT EXISTS (
    SELECT 1 FROM shared_rules known WHERE known.destination = :new AND known.line = shared_rules.line);

-- name: kept_shared_rules
SELECT * FROM shared_rules WHERE destination IN ({numbers}(:places)) ORDER BY created;

-- name: kept_tried
SELECT * FROM tried WHERE destination IN ({numbers}(:places)) ORDER BY at;

-- name: kept_own_rules
SELECT * FROM own_rules WHERE destination IN ({numbers}(:places)) ORDER BY destination, number;

-- --- exporting.py: all that is kept of a chat and of a person --------------------------------------------------------

-- name: kept_chat
SELECT * FROM destinations WHERE id IN ({numbers}(:places)) ORDER BY id;

-- name: kept_subscriptions
SELECT * FROM subscriptions WHERE destination IN ({numbers}(:places)) ORDER BY destination, rule, asset;

-- name: kept_switches
SELECT * FROM switches WHERE destination IN ({numbers}(:places)) ORDER BY destination, kind, what;

-- name: kept_roles
SELECT DISTINCT r.* FROM server_roles r JOIN destinations d ON d.platform = r.platform AND d.server = r.server
WHERE d.id IN ({numbers}(:places));

-- name: kept_digests
SELECT * FROM digests WHERE destination IN ({numbers}(:places)) ORDER BY id;

-- name: kept_positions
SELECT * FROM positions WHERE platform = :platform AND owner = :owner ORDER BY id;

-- name: kept_addresses
SELECT * FROM followed WHERE platform = :platform AND owner = :owner ORDER BY id;

-- name: kept_episodes
-- Of what a person watches: of anything else they are the market's.
SELECT e.* FROM episodes e JOIN positions p ON e.rule = :private || p.id
WHERE p.platform = :platform AND p.owner = :owner ORDER BY e.id;

-- name: kept_messages
-- Of what went to a chat; in full where it was written for that chat alone and not for the market.
SELECT o.id, o.destination, n.kind, n.rule, n.asset, n.rank, n.at, o.state, o.reason, o.attempts, o.created, o.not_before,
    o.held_until, o.held_for, o.expires, o.settled, o.message,
    CASE WHEN n.rule IS NULL OR substr(n.rule, 1, length(:private)) = :private THEN n.payload END AS payload
FROM outbox o JOIN notices n ON n.id = o.notice
WHERE o.destination IN ({numbers}(:places))
    AND (CAST(:owner AS TEXT) IS NOT NULL OR n.rule IS NULL OR substr(n.rule, 1, length(:private)) <> :private)
ORDER BY o.id;

-- name: kept_shown
-- By which message of a chat an episode is told, as long as it may be edited.
SELECT m.* FROM messages m JOIN episodes e ON e.id = m.episode
WHERE m.destination IN ({numbers}(:places))
    AND (CAST(:owner AS TEXT) IS NOT NULL OR substr(e.rule, 1, length(:private)) <> :private)
ORDER BY m.episode;

-- name: kept_permits
SELECT * FROM permits
WHERE platform = :platform AND ((kind = 'person' AND name = :owner) OR (kind = 'chat' AND name = :chat));

-- name: kept_owner
SELECT * FROM owners WHERE platform = :platform AND person = :owner;

-- --- forgetting.py: forgetting a chat ------------------------------------------------------------------------------

-- name: gone_before
SELECT id FROM destinations WHERE gone < :before;

-- name: positions_to_forget
SELECT id FROM positions
WHERE destination IN ({numbers}(:places)) OR (platform = :platform AND owner = :owner);

-- name: forget_positions
DELETE FROM positions
WHERE destination IN ({numbers}(:places)) OR (platform = :platform AND owner = :owner);

-- name: forget_followed
DELETE FROM followed
WHERE destination IN ({numbers}(:places)) OR (platform = :platform AND owner = :owner);

-- name: forget_subscriptions
DELETE FROM subscriptions WHERE destination IN ({numbers}(:places));

-- name: forget_outbox
DELETE FROM outbox WHERE destination IN ({numbers}(:places));

-- name: forget_messages
DELETE FROM messages WHERE destination IN ({numbers}(:places));

-- name: forget_places
DELETE FROM destinations WHERE id IN ({numbers}(:places));

-- name: notices_for_one
-- Notices that went to one place and to nobody else, if they are no news of the market: late ones and private ones.
SELECT o.notice, n.rule FROM outbox o JOIN notices n ON n.id = o.notice
WHERE o.destination = :place AND (n.rule IS NULL OR substr(n.rule, 1, length(:private)) = :private)
    AND NOT EXISTS (SELECT 1 FROM outbox x WHERE x.notice = o.notice AND x.destination <> :place);

-- name: drop_outbox_of_notice
DELETE FROM outbox WHERE notice = :notice;

-- name: drop_notice
DELETE FROM notices WHERE id = :notice;

-- name: forget_episode_of_rule
UPDATE positions SET episode = NULL WHERE :private || id = :rule;

-- --- counts.py -----------------------------------------------------------------------------------------------

-- name: destination_counts
SELECT platform, CASE WHEN gone IS NOT NULL THEN 'gone' WHEN gone_reason IS NOT NULL THEN 'resting' ELSE 'open' END
    AS state, count(*) AS count
FROM destinations GROUP BY platform, 2 ORDER BY platform, 2;

-- name: ordered_counts
SELECT 'subscriptions' AS what, count(*) AS count FROM subscriptions
UNION ALL SELECT 'digests', count(*) FROM digests
UNION ALL SELECT 'positions', count(*) FROM positions
UNION ALL SELECT 'addresses', count(*) FROM followed
UNION ALL SELECT 'rules', count(*) FROM own_rules;
