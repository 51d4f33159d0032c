-- transactional: false
-- Rows are written in the order of time: a range of blocks is enough to find the old ones, and costs a purchase
-- nothing.
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS stock.hold_by_age;
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY hold_by_age ON stock.hold USING brin (granted_at) WITH (pages_per_range = 32);
