-- transactional: false
-- Whether somebody has ordered before, by the contact as it is compared.
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS orders.orders_by_mail;
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY orders_by_mail ON orders.orders (shop_id, orders.mail_key(contact_email))
  WHERE cancelled_at IS NULL AND contact_email <> '';
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS orders.orders_by_phone;
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY orders_by_phone ON orders.orders (shop_id, orders.phone_key(contact_phone))
  WHERE cancelled_at IS NULL AND contact_phone <> '';
