-- transactional: false
-- The few messages that are no mail, among all that were ever sent.
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS notifications.notice_by_channel;
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY notice_by_channel ON notifications.notice (shop_id, channel, created_at DESC, id DESC)
  WHERE channel <> 'mail';
