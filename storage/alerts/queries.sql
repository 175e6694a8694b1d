-- --- episodes.py

-- name: rule_states
-- A row for each rule, with lists of its assets: of some thousand states hardly one is another than at the last turn.
SELECT rule, {list|asset} AS assets, {list|state} AS states, {list|episode} AS episodes FROM rule_states
GROUP BY rule ORDER BY rule;

-- name: rule_state
SELECT state, episode FROM rule_states WHERE rule = :rule AND asset = :asset;

-- name: states_of_rule
SELECT asset, state, episode FROM rule_states WHERE rule = :rule ORDER BY asset;

-- name: save_rule_state
INSERT INTO rule_states (rule, asset, state, episode) VALUES (:rule, :asset, :state, :episode)
ON CONFLICT (rule, asset) DO UPDATE SET state = excluded.state, episode = excluded.episode;

-- name: begin_episode
INSERT INTO episodes (rule, asset, since, fired, ended, rank, first_values, last_values)
VALUES (:rule, :asset, :since, :at, :ended, :rank, :found, :found);

-- name: first_since
SELECT min(since) AS first FROM episodes WHERE rule = :rule AND asset = :asset;

-- name: forget_episodes
DELETE FROM episodes WHERE rule = :rule AND asset = :asset;

-- name: episode_began
UPDATE episodes SET since = :since WHERE id = :episode;

-- name: episode_values
SELECT last_values FROM episodes WHERE id = :episode;

-- name: continue_episode
UPDATE episodes SET rank = :rank, last_values = :found, ended = :ended WHERE id = :episode;

-- name: running_episodes
-- Those of people's own positions and of their own rules are not among them.
SELECT id, rule, asset, since, fired, ended, rank, first_values, last_values FROM episodes
WHERE ended IS NULL AND substr(rule, 1, length(:private)) <> :private AND substr(rule, 1, length(:own)) <> :own
ORDER BY fired DESC;

-- name: episodes_between
-- What began or ended after one time and up to another; people's own positions and own rules are not among them.
SELECT id, rule, asset, since, fired, ended, rank, first_values, last_values FROM episodes
WHERE substr(rule, 1, length(:private)) <> :private AND substr(rule, 1, length(:own)) <> :own
    AND (fired > :since AND fired <= :until OR ended > :since AND ended <= :until)
ORDER BY fired;

-- name: episodes_of
SELECT id, rule, asset, since, fired, ended, rank, first_values, last_values FROM episodes
WHERE rule = :rule AND asset = :asset ORDER BY fired;

-- name: episodes_of_rule
SELECT id, rule, asset, since, fired, ended, rank, first_values, last_values FROM episodes
WHERE rule = :rule AND (ended IS NULL OR fired >= :since) ORDER BY fired;

-- name: episodes_told_with
-- Those of its message in this destination, and itself where that has no message there yet.
SELECT id, rule, asset, since, fired, ended, rank, first_values, last_values FROM episodes
WHERE id IN (SELECT beside.episode FROM messages m
        JOIN messages beside ON beside.destination = m.destination AND beside.message = m.message
        WHERE m.destination = :destination AND m.episode = :episode)
    OR (id = :episode AND EXISTS (SELECT 1 FROM notices n JOIN outbox o ON o.notice = n.id
        WHERE n.episode = :episode AND o.destination = :destination))
ORDER BY id;

-- name: episodes_told_in
SELECT id, rule, asset, since, fired, ended, rank, first_values, last_values FROM episodes
WHERE id IN (SELECT episode FROM messages WHERE destination = :destination AND message = :message)
ORDER BY id;

-- name: episodes_named
SELECT id, rule, asset, since, fired, ended, rank, first_values, last_values FROM episodes
WHERE id IN ({numbers}(:ids));

-- --- own.py

-- name: own_states
SELECT rule, stands FROM own_states ORDER BY rule;

-- name: save_own_state
INSERT INTO own_states (rule, stands) VALUES (:rule, :stands)
ON CONFLICT (rule) DO UPDATE SET stands = excluded.stands;

-- name: own_assets
SELECT asset FROM own_assets ORDER BY number;

-- name: add_own_asset
INSERT INTO own_assets (number, asset) VALUES (:number, :asset);

-- name: own_told_of
-- The chats that were to be told of some episodes, and whether the end was the last that they were told.
SELECT n.episode, o.destination,
    max(n.id) = coalesce(max(CASE WHEN n.kind = 'resolved' THEN n.id END), 0) AS over
FROM notices n JOIN outbox o ON o.notice = n.id
WHERE n.episode IN ({numbers}(:episodes)) GROUP BY n.episode, o.destination;

-- name: own_fired
-- A rule that speaks once is switched off by it.
UPDATE own_rules SET told = :at, paused = CASE WHEN once = 1 THEN :now ELSE paused END,
    paused_for = CASE WHEN once = 1 THEN 'once' ELSE paused_for END
WHERE id = :id;

-- name: own_states_unused
SELECT rule FROM own_states WHERE rule NOT IN (SELECT rule FROM own_rules) ORDER BY rule;

-- name: drop_own_state
DELETE FROM own_states WHERE rule = :rule;

-- name: own_traces_unused
SELECT rule FROM own_states WHERE rule NOT IN (SELECT rule FROM own_rules)
UNION SELECT rule FROM definitions WHERE private = 1 AND rule NOT IN (SELECT rule FROM own_rules)
UNION SELECT rule FROM episodes WHERE substr(rule, 1, length(:own)) = :own AND rule NOT IN (SELECT rule FROM own_rules);

-- name: drop_own_outcomes
DELETE FROM outcomes WHERE entry IN (SELECT id FROM record WHERE rule = :rule AND private = 1);

-- name: drop_own_record
DELETE FROM record WHERE rule = :rule AND private = 1;

-- name: drop_own_definition
DELETE FROM definitions WHERE rule = :rule AND private = 1;

-- name: drop_own_outbox
DELETE FROM outbox WHERE notice IN (SELECT id FROM notices WHERE rule = :rule);

-- name: drop_own_notices
DELETE FROM notices WHERE rule = :rule;

-- name: drop_own_messages
DELETE FROM messages WHERE episode IN (SELECT id FROM episodes WHERE rule = :rule);

-- name: drop_own_episodes
DELETE FROM episodes WHERE rule = :rule;

-- --- record.py

-- name: define
INSERT INTO definitions (hash, rule, definition, since, private)
VALUES (:hash, :rule, :definition, :since, :private)
ON CONFLICT DO NOTHING;

-- name: freeze
INSERT INTO record (rule, asset, definition, episode, at, written, rank, price, venue, event, sentences,
    private)
VALUES (:rule, :asset, :definition, :episode, :at, :written, :rank, :price, :venue, :event, :sentences, :private)
ON CONFLICT DO NOTHING;

-- name: append_outcome
INSERT INTO outcomes (entry, days, entry_at, entry_price, at, price, change, worst, best, venue, written, corrects,
    reason)
VALUES (:entry, :days, :entry_at, :entry_price, :at, :price, :change, :worst, :best, :venue, :written, :corrects,
    :reason)
ON CONFLICT DO NOTHING;

-- name: record_of
SELECT id, rule, asset, definition, at, written, rank, price, venue, event, sentences FROM record
WHERE private = 0 AND (CAST(:rule AS TEXT) IS NULL OR rule = :rule)
    AND (CAST(:asset AS TEXT) IS NULL OR asset = :asset)
ORDER BY at, id;

-- name: record_of_own
-- Of one rule that people wrote, whose record is nobody else's.
SELECT id, rule, asset, definition, at, written, rank, price, venue, event, sentences FROM record
WHERE private = 1 AND rule = :rule AND at >= :since ORDER BY at, id;

-- name: record_between
SELECT id, rule, asset, definition, at, written, rank, price, venue, event, sentences FROM record
WHERE private = 0 AND at > :since AND at <= :until ORDER BY at, id;

-- name: record_unjudged
-- The outcome is that of so many days after the midnight that follows the fire; what has none by then is looked at.
SELECT id, rule, asset, definition, at, written, rank, price, venue, event, sentences FROM record
WHERE EXISTS (SELECT 1 FROM ({numbers}(:after)) AS horizon
    WHERE (record.at / 86400000 + 1 + horizon.value) * 86400000 <= :now
        AND NOT EXISTS (SELECT 1 FROM outcomes WHERE entry = record.id AND days = horizon.value))
ORDER BY at, id;

-- name: outcomes_of
SELECT id, entry, days, entry_at, entry_price, at, price, change, worst, best, venue, written, corrects, reason
FROM outcomes WHERE entry IN ({numbers}(:entries)) ORDER BY id;

-- name: record_before
-- What was said under one definition before an episode, each with its outcome as it was corrected last.
SELECT (SELECT change FROM outcomes WHERE entry = record.id AND days = :days ORDER BY id DESC LIMIT 1) AS change
FROM record
WHERE rule = :rule AND asset = :asset AND definition = :definition AND episode IS DISTINCT FROM :episode ORDER BY at, id;

-- name: definitions
SELECT hash, definition FROM definitions WHERE private = 0 ORDER BY since, hash;

-- --- outbox.py

-- name: known_notice
-- Nobody may delete it while rows of it are written.
SELECT id FROM notices WHERE episode = :episode AND kind = :kind AND at = :at {shared};

-- name: write_notice
INSERT INTO notices (episode, kind, rule, asset, rank, at, payload)
VALUES (:episode, :kind, :rule, :asset, :rank, :at, :payload)
ON CONFLICT DO NOTHING;

-- name: announced
SELECT 1 AS found WHERE EXISTS (SELECT 1 FROM outbox WHERE notice = :notice)
    OR EXISTS (SELECT 1 FROM outbox_parts WHERE notice = :notice);

-- name: announce
-- All who asked, so many in a part; what is of the market is of every asset. What is due later is new then. Of
-- destinations only those are looked at that are gone: the others are those who asked.
INSERT INTO outbox_parts (notice, priority, due, expires, places, count)
SELECT :notice, :priority, :due, :expires, {list|t.destination}, count(*) FROM (
    SELECT s.destination, (row_number() OVER (ORDER BY s.destination) - 1) / :most AS part FROM (
        SELECT DISTINCT destination FROM subscriptions
        WHERE (rule = :rule OR (rule = '*' AND :only_asked = 0)) AND (asset IN ('*', :asset) OR :asset = 'MARKET')
            AND destination NOT IN (SELECT id FROM destinations WHERE gone IS NOT NULL)
            AND destination NOT IN ({numbers}(:also))) s) t
GROUP BY t.part ORDER BY t.part;

-- name: announce_to_one
INSERT INTO outbox (notice, destination, platform, nonce, priority, not_before, expires, state, created)
SELECT :notice, d.id, d.platform, {random_hex|d.id}, :priority, :now, :expires, 'queued', :now FROM destinations d
WHERE d.id = :destination {kept}
ON CONFLICT DO NOTHING;

-- name: told_places
-- Each chat that is told anything, and has not muted everything unless those count too; of its topics the main one, else
-- the first. Chats are read in the order in which they came, since what is written for them is then added at the end of
-- its index: a hundred thousand in a third of the time.
WITH told AS NOT MATERIALIZED (
    SELECT d.id, d.platform, d.chat, d.topic FROM destinations d
    WHERE d.gone IS NULL AND (
        EXISTS (SELECT 1 FROM subscriptions s WHERE s.destination = d.id)
        OR d.id IN (SELECT destination FROM digests) OR d.id IN (SELECT destination FROM positions)
        OR d.id IN (SELECT destination FROM followed)
        OR d.id IN (SELECT destination FROM own_rules WHERE paused IS NULL))
    AND (:muted_too = 1 OR NOT EXISTS (
        SELECT 1 FROM switches w WHERE w.destination = d.id AND w.kind = 'mute' AND w.what = '*'
            AND (w.until IS NULL OR w.until > :now)
            AND (w.hours IS NULL OR EXISTS (
                SELECT 1 FROM episodes e WHERE e.ended IS NULL
                    AND e.id = CASE WHEN w.kind = 'mute' THEN CAST(substr(w.hours, 9) AS BIGINT) END)))))
SELECT t.id, t.platform FROM told t
WHERE t.topic = '' OR NOT EXISTS (
    SELECT 1 FROM told o WHERE o.platform = t.platform AND o.chat = t.chat AND (o.topic = '' OR o.id < t.id));

-- name: told_counts
SELECT t.platform, count(*) AS count FROM ({told_places}) t GROUP BY t.platform ORDER BY t.platform;

-- name: announce_to_places
INSERT INTO outbox_parts (notice, priority, due, expires, places, count)
SELECT :notice, :priority, :now, :expires, {list|p.destination}, count(*) FROM (
    SELECT t.id AS destination, (row_number() OVER (ORDER BY t.id) - 1) / :most AS part FROM ({told_places}) t) p
GROUP BY p.part ORDER BY p.part;

-- name: last_announcement
SELECT n.at, n.payload, t.state, CAST(sum(t.count) AS BIGINT) AS count FROM notices n CROSS JOIN (
    SELECT state, count(*) AS count FROM outbox
    WHERE notice = (SELECT max(id) FROM notices WHERE kind = 'owner') GROUP BY state
    UNION ALL SELECT 'queued', count FROM outbox_parts
    WHERE notice = (SELECT max(id) FROM notices WHERE kind = 'owner')) t
WHERE n.id = (SELECT max(id) FROM notices WHERE kind = 'owner')
GROUP BY n.at, n.payload, t.state ORDER BY t.state;

-- name: merge_earlier
-- What still waits of an episode, where a later notice of it goes to the same destination.
UPDATE outbox SET state = 'merged', reason = 'a later notice of the episode says it', settled = :now
WHERE state = 'queued' AND notice IN (SELECT id FROM notices WHERE episode = :episode AND id < :notice)
    AND destination IN (SELECT destination FROM outbox WHERE notice = :notice);

-- name: merge_overtaken
UPDATE outbox SET state = 'merged', reason = 'a later notice of the episode says it', settled = :now
WHERE id = :id AND state = 'queued' AND EXISTS (
    SELECT 1 FROM notices mine JOIN notices later ON later.episode = mine.episode AND later.id > mine.id
    JOIN outbox o ON o.notice = later.id AND o.destination = outbox.destination
    WHERE mine.id = outbox.notice AND o.state IN ('queued', 'sending', 'uncertain', 'sent'));

-- name: told_there
SELECT DISTINCT episode FROM messages WHERE destination = :destination AND episode IN ({numbers}(:episodes));

-- name: due
-- The most urgent rows first, in the order of the index of live rows. All that is asked of a row stands in one CASE: what
-- a server takes for rare it would look for among all that waits, and sort what it finds, each time that eight are
-- claimed. What is held or put back further than anything is, was so by a clock that has been set back since. What is
-- held for something waits for the one message that tells of all of it (held.py).
SELECT o.id, o.destination, o.priority, o.nonce, o.attempts, o.state, o.plain, o.created, o.held_until, o.held_for,
    o.lead, n.id AS number, n.kind, n.rank, n.at, n.payload, n.episode, n.rule, n.asset, d.platform, d.chat, d.topic,
    d.kind AS chat_kind, d.zone, d.gone_reason IS NOT NULL AS barred,
    d.server IS NOT NULL OR EXISTS (SELECT 1 FROM switches s WHERE s.destination = d.id) AS switched,
    (SELECT m.message FROM messages m WHERE m.episode = n.episode AND m.destination = d.id) AS message,
    EXISTS (SELECT 1 FROM notices e JOIN outbox p ON p.notice = e.id WHERE e.episode = n.episode AND e.id < n.id
        AND p.destination = d.id AND p.state NOT IN ('dead', 'muted')) AS announced,
    EXISTS (SELECT 1 FROM outbox x JOIN notices m ON m.id = x.notice
        WHERE x.destination = o.destination AND x.settled IS NULL AND x.id <> o.id
            AND CASE WHEN n.episode IS NULL THEN m.episode IS NULL AND m.rule = n.rule
                ELSE m.episode IS NOT NULL AND m.asset = n.asset AND m.at = n.at END) AS accompanied
FROM outbox o JOIN destinations d ON d.id = o.destination JOIN notices n ON n.id = o.notice
WHERE o.settled IS NULL AND o.platform = :platform AND CASE WHEN o.state <> 'sending' AND d.gone IS NULL
    AND (o.not_before <= :now OR o.not_before > :longest_pause)
    AND (o.held_for IS NULL OR o.held_for = 'told')
    AND (o.held_until IS NULL OR o.held_until <= :now OR o.held_until > :longest_hold)
    AND (d.rests_until IS NULL OR d.rests_until <= :now OR d.rests_until > :longest_rest)
    AND NOT EXISTS (SELECT 1 FROM outbox b
        WHERE b.destination = o.destination AND b.settled IS NULL AND b.state = 'sending')
    AND o.destination NOT IN ({numbers}(:resting))
    AND o.destination NOT IN ({numbers}(:taken))
    THEN 1 ELSE 0 END <> 0
ORDER BY o.priority DESC, o.notice, o.id LIMIT :most {claimed};

-- name: waiting_beside
-- Rows for the same destination of the same rule that belong to no episode, also those that wait for others. firsts: of
-- each row its destination, its id and its rule.
SELECT o.id, o.destination, o.nonce, o.attempts, o.state, o.plain, o.created, o.held_until, o.held_for, o.lead,
    n.id AS number, n.kind, n.rank, n.at, n.payload, n.episode, n.rule, n.asset,
    NULL AS message, 0 AS announced
FROM ({items|:firsts}) AS one
    JOIN outbox o ON o.destination = CAST(one.value ->> 0 AS BIGINT) AND o.settled IS NULL
    JOIN notices n ON n.id = o.notice
WHERE CASE WHEN o.id <> CAST(one.value ->> 1 AS BIGINT) AND o.state IN ('queued', 'uncertain')
    AND n.episode IS NULL AND n.rule = one.value ->> 2
    AND o.held_for IS NULL AND (o.held_until IS NULL OR o.held_until <= :now)
    THEN 1 ELSE 0 END <> 0
ORDER BY o.id {claimed};

-- name: due_beside
-- Rows for the same destination about the same asset and close, the oldest first. firsts: of each row its destination,
-- its id, its asset and its close.
SELECT o.id, o.destination, o.nonce, o.attempts, o.state, o.plain, o.created, o.held_until, o.held_for, o.lead,
    n.id AS number, n.kind, n.rank, n.at, n.payload, n.episode, n.rule, n.asset,
    (SELECT m.message FROM messages m WHERE m.episode = n.episode AND m.destination = o.destination) AS message,
    EXISTS (SELECT 1 FROM notices e JOIN outbox p ON p.notice = e.id WHERE e.episode = n.episode AND e.id < n.id
        AND p.destination = o.destination AND p.state NOT IN ('dead', 'muted')) AS announced
FROM ({items|:firsts}) AS one
    JOIN outbox o ON o.destination = CAST(one.value ->> 0 AS BIGINT) AND o.settled IS NULL
    JOIN notices n ON n.id = o.notice
WHERE CASE WHEN o.id <> CAST(one.value ->> 1 AS BIGINT) AND o.state IN ('queued', 'uncertain')
    AND n.episode IS NOT NULL AND n.asset = one.value ->> 2 AND n.at = CAST(one.value ->> 3 AS BIGINT)
    AND (o.not_before <= :now OR o.not_before > :longest_pause)
    AND (o.held_for IS NULL OR o.held_for = 'told')
    AND (o.held_until IS NULL OR o.held_until <= :now OR o.held_until > :longest_hold)
    THEN 1 ELSE 0 END <> 0
ORDER BY n.id {claimed};

-- name: taken_in
-- Of rows the newest message that tells of an episode they take in. asked: of each a row, its destination, an episode.
SELECT CAST(one.value ->> 0 AS BIGINT) AS id, m.message FROM ({items|:asked}) AS one
    JOIN messages m ON m.destination = CAST(one.value ->> 1 AS BIGINT) AND m.episode = CAST(one.value ->> 2 AS BIGINT)
ORDER BY m.episode;

-- name: told_beside
-- What messages say of their episodes: of each the newest notice that it has shown. messages: of each its destination
-- and itself.
SELECT m.destination, n.id AS number, n.kind, n.rank, n.at, n.payload, n.episode, n.rule, n.asset
FROM ({items|:messages}) AS one
    JOIN messages m ON m.destination = CAST(one.value ->> 0 AS BIGINT) AND m.message = one.value ->> 1
    JOIN notices n ON n.episode = m.episode
WHERE n.id = (SELECT max(e.id) FROM notices e JOIN outbox p ON p.notice = e.id
    WHERE e.episode = m.episode AND p.destination = m.destination AND p.state = 'sent')
ORDER BY n.id;

-- name: take
-- taken: of each row its id and that of the row that leads.
UPDATE outbox SET state = 'sending', epoch = :epoch, lead = CAST(one.value ->> 1 AS BIGINT)
FROM ({items|:taken}) AS one WHERE outbox.id = CAST(one.value ->> 0 AS BIGINT);

-- name: settle
UPDATE outbox SET state = :state, reason = :reason, settled = :now, message = :message WHERE id = :id;

-- name: end_claimed
UPDATE outbox SET state = :state, reason = :reason, settled = :now WHERE id = :id AND epoch = :process;

-- name: settle_sent
-- sent: of each row its id, its message and when that arrived.
UPDATE outbox SET state = 'sent', reason = NULL, message = one.value ->> 1, settled = CAST(one.value ->> 2 AS BIGINT)
FROM ({items|:sent}) AS one WHERE outbox.id = CAST(one.value ->> 0 AS BIGINT);

-- name: remember_messages
-- Asked of the row, not of the claim: a group may have become another destination meanwhile, and two messages there may
-- tell of one episode then. told: of each row its id, its episode and its message.
INSERT INTO messages (episode, destination, message)
SELECT t.episode, t.destination, t.message FROM (
    SELECT CAST(one.value ->> 1 AS BIGINT) AS episode, o.destination, one.value ->> 2 AS message,
        row_number() OVER (PARTITION BY one.value ->> 1, o.destination ORDER BY o.id DESC) AS place
    FROM ({items|:told}) AS one JOIN outbox o ON o.id = CAST(one.value ->> 0 AS BIGINT)) t
WHERE t.place = 1
ON CONFLICT (episode, destination) DO UPDATE SET message = excluded.message;

-- name: put_back
UPDATE outbox SET state = :state, not_before = :until, reason = :reason, attempts = attempts + :counts,
    plain = CASE WHEN :plain = 1 THEN 1 ELSE plain END
WHERE id = :id AND state = 'sending' AND epoch = :process;

-- name: hold
-- Nothing grows too old while it is held.
UPDATE outbox SET state = 'queued', held_until = :until, held_for = :held_for, reason = :reason,
    expires = CASE WHEN expires < :expires THEN :expires ELSE expires END
WHERE id = :id AND state = 'sending';

-- name: wait_for_platform
UPDATE outbox SET state = 'uncertain', held_until = {least}(coalesce(:until, expires), :latest), reason = :reason,
    attempts = attempts + 1
WHERE id = :id AND state = 'sending' AND epoch = :process;

-- name: platform_back
UPDATE outbox SET held_until = NULL
WHERE settled IS NULL AND state = 'uncertain' AND held_for IS NULL AND held_until > :now
    AND attempts < :most AND platform = :platform;

-- name: write_again
UPDATE destinations SET gone_reason = NULL, rests_until = NULL
WHERE id IN ({numbers}(:destinations)) AND gone IS NULL AND gone_reason IS NOT NULL;

-- name: shift_waits
-- What is held until an hour that a person chose stays there: that hour is the wall clock's.
UPDATE outbox SET not_before = not_before + :by, created = created + :by,
    expires = CASE WHEN held_until IS NULL THEN expires + :by ELSE expires END
WHERE settled IS NULL;

-- name: shift_rests
UPDATE destinations SET rests_until = rests_until + :by WHERE rests_until IS NOT NULL;

-- name: mark_gone
UPDATE destinations SET gone = :now, gone_reason = :reason WHERE id = :destination;

-- name: end_rows_of
UPDATE outbox SET state = 'dead', reason = :reason, settled = :now
WHERE destination = :destination AND settled IS NULL;

-- name: waiting
SELECT (SELECT count(*) FROM outbox WHERE settled IS NULL)
    + (SELECT CAST(coalesce(sum(count), 0) AS BIGINT) FROM outbox_parts) AS count;

-- name: too_old
-- What is held is told in a line when it is held no longer, and an edit after that line is no news to be told again.
SELECT o.id, o.destination, o.state, n.id AS number, n.kind, n.rank, n.at, n.payload, n.episode, n.rule, n.asset
FROM outbox o JOIN notices n ON n.id = o.notice JOIN destinations d ON d.id = o.destination
WHERE o.settled IS NULL AND o.state <> 'sending' AND o.expires <= :now
    AND n.kind NOT IN ('late', 'held') AND o.held_for IS NULL AND d.gone IS NULL
ORDER BY o.id;

-- name: expire
UPDATE outbox SET state = 'expired', reason = 'too old for news, told as one line', settled = :now WHERE id = :id;

-- --- sending/rests.py

-- name: rest_destination
UPDATE destinations SET rests_until = :until, gone_reason = coalesce(:reason, gone_reason) WHERE id = :destination;

-- name: waits_since
SELECT min(created) AS first FROM outbox
WHERE destination = :destination AND settled IS NULL;

-- name: wake_chat
UPDATE destinations SET gone_reason = NULL, rests_until = NULL
WHERE platform = :platform AND chat = :chat AND gone IS NULL AND gone_reason IS NOT NULL;

-- name: without_rights
SELECT d.platform, d.chat, d.topic, d.title, d.gone_reason, d.rests_until,
    (SELECT count(*) FROM outbox o WHERE o.destination = d.id AND o.settled IS NULL)
        AS waiting
FROM destinations d WHERE d.gone IS NULL AND d.gone_reason IS NOT NULL ORDER BY d.id;

-- --- digests.py

-- name: held_now
-- What is held, by what for: one look at all that waits, for all who ask.
SELECT destination, held_for, count(*) AS count FROM outbox
WHERE settled IS NULL AND held_for IN ('quiet', 'budget')
GROUP BY destination, held_for;

-- name: told_late
-- How many notices grew too old for news before a destination could be told, since a time.
SELECT count(*) AS count FROM outbox o JOIN notices n ON n.id = o.notice
WHERE o.destination = :destination AND o.settled > :since AND o.state = 'expired' AND n.kind <> 'digest';

-- name: news_of_sources
SELECT at, payload FROM notices WHERE kind = 'source' AND at > :since AND at <= :until ORDER BY id;

-- name: digests_told
SELECT n.payload FROM outbox o JOIN notices n ON n.id = o.notice
WHERE o.destination = :destination AND o.settled > :since AND o.state = 'sent' AND n.kind = 'digest'
ORDER BY o.id DESC;

-- name: digests_before
-- Of a destination the digests that were made up to a time and have arrived or may yet, the newest first.
SELECT n.payload, n.at FROM outbox o JOIN notices n ON n.id = o.notice
WHERE o.destination = :destination AND n.kind = 'digest' AND n.at <= :now AND o.state NOT IN ('merged', 'dead', 'expired')
ORDER BY n.at DESC;

-- --- sending/held.py

-- name: held_due
-- What is held no longer, the oldest first, of the destinations that wait longest.
SELECT o.id, o.destination, o.state, o.lead, o.held_for, o.held_until, n.id AS number, n.kind, n.rank, n.at, n.payload,
    n.episode, n.rule, n.asset, d.zone,
    (SELECT m.message FROM messages m WHERE m.episode = n.episode AND m.destination = d.id) AS message,
    EXISTS (SELECT 1 FROM notices e JOIN outbox p ON p.notice = e.id WHERE e.episode = n.episode AND e.id < n.id
        AND p.destination = o.destination AND p.state NOT IN ('dead', 'muted')) AS announced
FROM outbox o JOIN notices n ON n.id = o.notice JOIN destinations d ON d.id = o.destination
WHERE o.settled IS NULL AND o.state = 'queued' AND o.held_for IN ('quiet', 'budget')
    AND (o.held_until <= :now OR o.held_until > :longest_hold) AND d.gone IS NULL
    AND o.destination IN (SELECT due.destination FROM outbox due JOIN destinations p ON p.id = due.destination
        WHERE due.settled IS NULL AND due.state = 'queued' AND p.gone IS NULL
            AND due.held_for IN ('quiet', 'budget') AND (due.held_until <= :now OR due.held_until > :longest_hold)
        GROUP BY due.destination ORDER BY min(due.id) LIMIT :most)
ORDER BY o.id;

-- name: held_of
SELECT o.id, o.destination, o.state, o.lead, o.held_for, o.held_until, n.id AS number, n.kind, n.rank, n.at, n.payload,
    n.episode, n.rule, n.asset,
    (SELECT m.message FROM messages m WHERE m.episode = n.episode AND m.destination = o.destination) AS message,
    EXISTS (SELECT 1 FROM notices e JOIN outbox p ON p.notice = e.id WHERE e.episode = n.episode AND e.id < n.id
        AND p.destination = o.destination AND p.state NOT IN ('dead', 'muted')) AS announced
FROM outbox o JOIN notices n ON n.id = o.notice
WHERE o.settled IS NULL AND o.state = 'queued' AND o.held_for IN ('quiet', 'budget')
    AND o.destination = :destination
ORDER BY o.id;

-- name: tell_of
-- What has a message is edited there, in silence; for the rest the line that tells of it is all.
UPDATE outbox SET held_for = 'told', held_until = :now, reason = :reason,
    state = CASE WHEN :edited = 1 THEN 'queued' ELSE 'merged' END,
    settled = CASE WHEN :edited = 1 THEN NULL ELSE CAST(:now AS BIGINT) END
WHERE id = :id AND state = 'queued';

-- name: let_go
-- It was due when the hold was over, which may be a while ago.
UPDATE outbox SET held_for = NULL, held_until = CASE WHEN held_until < :now THEN held_until ELSE :now END,
    expires = CASE WHEN expires < :expires THEN :expires ELSE expires END
WHERE id = :id AND state = 'queued';

-- name: hold_on
-- What is held for something does not grow too old, and is news for a while again when it is let go.
UPDATE outbox SET held_until = :until WHERE id = :id AND state = 'queued';

-- name: hold_otherwise
UPDATE outbox SET held_until = :until WHERE settled IS NULL AND state = 'queued'
    AND destination = :destination AND held_for = :held_for;

-- name: sent_since
-- New messages with news, and answers to older ones that tell of what begins: the rows that were sent together are one.
-- An edit tells of an episode that was told of before, and an end is no news.
SELECT count(DISTINCT coalesce(o.lead, o.id)) AS count
FROM outbox o JOIN notices n ON n.id = o.notice
WHERE o.destination = :destination AND o.settled >= :since AND o.state = 'sent'
    AND n.kind IN ('fired', 'escalated', 'resumed', 'changed', 'source', 'position')
    AND NOT EXISTS (SELECT 1 FROM notices e JOIN outbox p ON p.notice = e.id AND p.destination = o.destination
        WHERE e.episode = n.episode AND e.id < n.id AND p.state = 'sent');

-- name: digest_soon
SELECT min(next) AS next FROM digests WHERE destination = :destination AND next BETWEEN :now AND :latest;

-- --- sending/spreading.py

-- name: next_part
SELECT id, notice, priority, due, expires, places FROM outbox_parts ORDER BY priority DESC, notice, id LIMIT 1 {locked};

-- name: parts_left
SELECT id, notice, priority FROM outbox_parts ORDER BY priority DESC, notice, id;

-- name: places_of_parts
SELECT id, notice, places FROM outbox_parts WHERE id IN ({numbers}(:parts));

-- name: parts_named
SELECT id, notice, priority, due, expires, places FROM outbox_parts WHERE id IN ({numbers}(:parts))
ORDER BY priority DESC, notice, id {locked};

-- name: parts_of_notice
SELECT id, notice, priority, due, expires, places FROM outbox_parts WHERE notice = :notice
ORDER BY priority DESC, notice, id {locked};

-- name: parts_of_earlier
-- Of earlier notices of the same episode.
SELECT id, notice, priority, due, expires, places FROM outbox_parts
WHERE notice IN (SELECT id FROM notices WHERE episode = :episode AND id < :notice)
ORDER BY priority DESC, notice, id {locked};

-- name: parts_too_old
SELECT id, notice, priority, due, expires, places FROM outbox_parts WHERE expires <= :now
ORDER BY priority DESC, notice, id {locked};

-- name: count_in_parts
SELECT coalesce(sum(count), 0) AS count FROM outbox_parts WHERE notice = :notice;

-- name: spread
-- A place that is being forgotten is waited for, and then left out.
INSERT INTO outbox (notice, destination, platform, nonce, priority, not_before, expires, state, created)
SELECT :notice, d.id, d.platform, {random_hex|d.id}, :priority, :due, :expires, 'queued', :due
FROM ({numbers}(:places)) AS one JOIN destinations d ON d.id = one.value
ORDER BY d.id {kept}
ON CONFLICT DO NOTHING;

-- name: merge_earlier_there
-- What still waits of an episode, where a later notice of it goes to the same destinations: each is looked up.
UPDATE outbox SET state = 'merged', reason = 'a later notice of the episode says it', settled = :now
WHERE id IN (SELECT o.id
    FROM notices n CROSS JOIN notices e CROSS JOIN ({numbers}(:places)) AS one CROSS JOIN outbox o
    WHERE n.id = :notice AND e.episode = n.episode AND e.id < n.id
        AND o.notice = e.id AND o.destination = one.value AND o.state = 'queued');

-- name: drop_part
DELETE FROM outbox_parts WHERE id = :id;

-- --- sending/sender.py

-- name: doubt_earlier
UPDATE outbox SET state = 'uncertain', reason = 'the program stopped while sending'
WHERE settled IS NULL AND state = 'sending' AND platform = :platform;

-- --- sending/restored.py

-- name: restored
SELECT value FROM settings WHERE name = :name;

-- name: settle_waiting
UPDATE outbox SET state = 'merged', reason = :reason, settled = :now
WHERE settled IS NULL;

-- name: settle_notice
UPDATE outbox SET state = 'merged', reason = :reason, settled = :now WHERE notice = :notice AND state = 'queued';

-- name: settled_by_restore
-- A destination that is closed hears of nothing.
SELECT o.destination, n.at, n.payload FROM outbox o JOIN notices n ON n.id = o.notice
    JOIN destinations d ON d.id = o.destination
WHERE o.state = 'merged' AND o.reason = :reason AND o.settled >= :since AND d.gone IS NULL ORDER BY o.id;

-- --- sending/counts.py

-- name: waiting_by_state
SELECT state, sum(count) AS count FROM (
    SELECT CASE WHEN state = 'queued' AND (held_for IS NOT NULL OR held_until > :now) THEN 'held' ELSE state END AS state,
        1 AS count
    FROM outbox WHERE settled IS NULL UNION ALL SELECT 'queued', count FROM outbox_parts) t
GROUP BY state ORDER BY state;

-- name: due_longest
-- Since when the row waits that has been due the longest; not where its destination rests, and not what is held.
SELECT t.platform, min(t.since) AS since FROM (
    SELECT d.platform, CASE WHEN o.held_until > o.created THEN o.held_until ELSE o.created END AS since
    FROM outbox o JOIN destinations d ON d.id = o.destination
    WHERE o.settled IS NULL AND d.gone IS NULL
        AND (o.held_for IS NULL OR o.held_for = 'told')
        AND (d.rests_until IS NULL OR d.rests_until <= :now)
    UNION ALL SELECT d.platform, p.due FROM (SELECT min(due) AS due FROM outbox_parts) p
        CROSS JOIN (SELECT DISTINCT platform FROM destinations WHERE gone IS NULL) d) t
WHERE t.since <= :now
GROUP BY t.platform ORDER BY t.platform;

-- name: open_episodes
-- What people watch of their own is counted together, and so is what they wrote.
SELECT CASE WHEN substr(rule, 1, length(:private)) = :private THEN 'position'
    WHEN substr(rule, 1, length(:own)) = :own THEN 'own rule' ELSE rule END AS rule, rank,
    count(*) AS count
FROM episodes WHERE ended IS NULL GROUP BY 1, rank ORDER BY 1, rank;

-- --- itself.py

-- name: overtaken_by_end
UPDATE outbox SET state = 'merged', reason = 'what it tells of is over, and the end says it', settled = :now
WHERE settled IS NULL AND state = 'queued'
    AND notice IN (SELECT id FROM notices WHERE rule = :rule);
