-- transactional: false
-- The few messages that failed, among all that were ever sent.
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS notifications.notice_by_state;
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY notice_by_state ON notifications.notice (shop_id, state, created_at DESC, id DESC);
