-- transactional: false
-- A checkout that is forgotten has no order: looked up for each of them.
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS orders.orders_by_checkout;
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY orders_by_checkout ON orders.orders (checkout_id);
