-- What is sent instead of goods that come back, and the units that are kept for it.
CREATE TABLE returns.exchange (
  return_id  uuid PRIMARY KEY,
  shop_id    bigint NOT NULL,
  hold_id    uuid NOT NULL,
  state      text NOT NULL CHECK (state IN ('asked', 'kept', 'sold_out', 'dropped', 'sent')),
  kept_until timestamptz,
  order_id   uuid REFERENCES orders.orders (id),
  FOREIGN KEY (shop_id, return_id) REFERENCES returns.return (shop_id, id),
  CHECK ((order_id IS NOT NULL) = (state = 'sent')),
  CHECK (kept_until IS NOT NULL OR state <> 'kept')
);
CREATE UNIQUE INDEX exchange_by_order ON returns.exchange (order_id) WHERE order_id IS NOT NULL;

-- For all units of a line: which variant, by its words of that day, and how much one costs more (or less) than theirs did.
CREATE TABLE returns.exchange_line (
  return_id        uuid NOT NULL REFERENCES returns.exchange,
  line_id          bigint NOT NULL,
  variant_id       bigint NOT NULL,
  title            text NOT NULL,
  options          text[] NOT NULL,
  difference_minor bigint NOT NULL,
  PRIMARY KEY (return_id, line_id),
  FOREIGN KEY (return_id, line_id) REFERENCES returns.line (return_id, line_id)
);

CREATE OR REPLACE VIEW returns.v_came_back AS
  SELECT r.shop_id, r.show_id, l.variant_id, l.product_id, r.reason,
         sum(CASE WHEN r.keeps_goods THEN l.quantity ELSE l.received END)::int AS units,
         e.variant_id AS exchanged_for
    FROM returns.return r JOIN returns.line l ON l.return_id = r.id
    LEFT JOIN (SELECT n.return_id, n.line_id, n.variant_id
                 FROM returns.exchange_line n JOIN returns.exchange x ON x.return_id = n.return_id
                WHERE x.state = 'sent') e ON e.return_id = l.return_id AND e.line_id = l.line_id
   WHERE NOT r.unsent AND (l.received > 0 OR (r.keeps_goods AND r.state = 'refunded'))
   GROUP BY r.shop_id, r.show_id, l.variant_id, l.product_id, r.reason, e.variant_id;
