-- Orders that are changed after they were placed.  Lines are what is ordered now: one that was taken out stays with
-- nothing, for the parcels that named it.
ALTER TABLE orders.line ADD COLUMN removed_at timestamptz;

-- What edits gave back of what was paid, and how much of that has not left yet: it pays for nothing that is ordered now.
-- `waived_minor`: what the merchant forgave of the price.
ALTER TABLE orders.orders ADD COLUMN edited_minor bigint NOT NULL DEFAULT 0;
ALTER TABLE orders.orders ADD COLUMN edit_owed_minor bigint NOT NULL DEFAULT 0;
ALTER TABLE orders.orders ADD COLUMN waived_minor bigint NOT NULL DEFAULT 0;
ALTER TABLE orders.orders ADD COLUMN edits int NOT NULL DEFAULT 0;

-- Refunds that edits decided; the sums of an order are without them.
CREATE TABLE orders.edit_refund (
  refund       uuid PRIMARY KEY,
  order_id     uuid NOT NULL REFERENCES orders.orders,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  decided_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX edit_refund_of_order ON orders.edit_refund (order_id);

CREATE OR REPLACE VIEW orders.v_line AS
  SELECT l.id, o.shop_id, l.order_id, o.show_id, l.variant_id, l.product_id, l.offer_id, l.quantity, l.unit_price_minor,
         l.amount_minor, l.ready_on, l.ready_at, l.delayed_to, l.shipped_quantity, l.returned_quantity, o.currency,
         o.status, o.placed_at, o.paid_at
    FROM orders.line l JOIN orders.orders o ON o.id = l.order_id
   WHERE o.placed_at IS NOT NULL AND l.removed_at IS NULL;

CREATE OR REPLACE VIEW orders.v_told_line AS
SELECT id, order_id, position, product_id, variant_id, title, options, quantity, bundle_id,
       CASE WHEN tax_included THEN amount_minor ELSE amount_minor - tax_minor END AS listed_minor,
       ready_on, ready_at, delayed_to, delay_accepted
  FROM orders.line WHERE removed_at IS NULL;

-- For the audit of edits.
CREATE VIEW orders.v_edited AS
SELECT id, shop_id, total_minor, waived_minor, edits, edited_minor AS given_back_minor
  FROM orders.orders WHERE placed_at IS NOT NULL;
