-- transactional: false
-- What was paid in full on a day, whenever it was ordered: the console begins with it.
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS orders.orders_by_paid;
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY orders_by_paid ON orders.orders (shop_id, paid_at DESC) WHERE paid_at IS NOT NULL;
