-- transactional: false
-- Which orders join one is asked on its page.
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS orders.orders_joining;
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY orders_joining ON orders.orders (joins_order_id) WHERE joins_order_id IS NOT NULL;
