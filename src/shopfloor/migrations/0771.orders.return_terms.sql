-- What its buyer may send back and until when, as it was promised when the order was placed; NULL for older orders.
ALTER TABLE orders.orders ADD COLUMN return_terms jsonb;

-- Refunds of certain lines: what of each goes back, in the order of the lines, shipping last.  Other refunds are of the
-- order as a whole and are shared over what is left of each.
CREATE TABLE orders.refund_share (
  order_id uuid NOT NULL REFERENCES orders.orders,
  refund   uuid NOT NULL,
  parts    bigint[] NOT NULL CHECK (cardinality(parts) >= 2),
  PRIMARY KEY (order_id, refund)
);
