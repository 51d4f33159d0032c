-- transactional: false
-- Units bought before they were there, by the lot they wait for.  Units bought from the shelf, which are bought by
-- the thousand a second, do not enter it; no column of it ever changes.
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS stock.hold_ahead;
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY hold_ahead ON stock.hold (level_id, granted_at, id) WHERE lot_kind <> 'on_hand';
