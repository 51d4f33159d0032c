-- transactional: false
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS stock.proven_by_account;
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY proven_by_account ON stock.proven (shop_id, account) WHERE account IS NOT NULL;
