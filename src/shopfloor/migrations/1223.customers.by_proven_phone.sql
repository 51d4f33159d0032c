-- transactional: false
-- A number is one account's.
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS customers.customer_by_proven_phone;
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE UNIQUE INDEX CONCURRENTLY customer_by_proven_phone ON customers.customer (shop_id, proven_phone)
  WHERE proven_phone IS NOT NULL;
