-- transactional: false
-- Lists of orders that are narrowed down: what is still to do is little beside all that was done, and is found by
-- itself.
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS orders.orders_by_payment;
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY orders_by_payment ON orders.orders (shop_id, payment_status, placed_at DESC)
  WHERE placed_at IS NOT NULL AND payment_status <> 'paid';
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS orders.orders_to_do;
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY orders_to_do ON orders.orders (shop_id, fulfilment_status, placed_at DESC)
  WHERE placed_at IS NOT NULL AND fulfilment_status NOT IN ('shipped', 'delivered')
    AND status <> 'cancelled';
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS orders.orders_by_channel;
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY orders_by_channel ON orders.orders (shop_id, (show_id IS NULL), placed_at DESC)
  WHERE placed_at IS NOT NULL;
