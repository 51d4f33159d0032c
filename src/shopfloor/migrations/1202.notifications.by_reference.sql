-- transactional: false
-- Messages by what their gateway calls them, for its reports.
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS notifications.notice_by_reference;
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY notice_by_reference ON notifications.notice (shop_id, reference) WHERE reference <> '';
