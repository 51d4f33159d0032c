-- transactional: false
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS orders.orders_by_status;
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY orders_by_status ON orders.orders (shop_id, status, placed_at DESC)
  WHERE placed_at IS NOT NULL;
