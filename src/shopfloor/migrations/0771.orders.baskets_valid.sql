-- transactional: false
-- Purchases of one basket are of one shop.
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS orders.checkout_joined;
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY checkout_joined ON orders.checkout (joined_to) WHERE joined_to IS NOT NULL;
