-- What banks have taken back of an order's money, and not returned: it cannot be refunded a second time.
ALTER TABLE orders.orders ADD COLUMN disputed_minor bigint NOT NULL DEFAULT 0;
