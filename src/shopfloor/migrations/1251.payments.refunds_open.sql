-- transactional: false
-- What a shop owes through providers and has not left yet, among all it ever gave back.
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS payments.refund_try_open;
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY refund_try_open ON payments.refund_try (shop_id) WHERE state <> 'done';
