-- transactional: false
-- What a network holds unpaid of a variant; only open and unpaid units bear a network.
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS stock.hold_unpaid;
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY hold_unpaid ON stock.hold (pool_id, variant_id, network) WHERE network IS NOT NULL;
