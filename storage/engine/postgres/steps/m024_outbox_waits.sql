-- Find what waits in the outbox by one column that changes once in the life of a row: when it was settled. A row that is
-- claimed stays where it is in every index then, and next to where it was: a page keeps room for it.

UPDATE outbox SET settled = NULL WHERE settled IS NOT NULL AND state IN ('queued', 'sending', 'uncertain');
UPDATE outbox SET settled = created WHERE settled IS NULL AND state NOT IN ('queued', 'sending', 'uncertain');

DROP INDEX outbox_live;
DROP INDEX outbox_sending;
CREATE INDEX outbox_live ON outbox (priority DESC, id) WHERE settled IS NULL;
CREATE INDEX outbox_waiting ON outbox (destination) WHERE settled IS NULL;

ALTER TABLE outbox SET (fillfactor = 50);

-- So does the directory of series, each of which moves on with each round.
ALTER TABLE series SET (fillfactor = 50);
