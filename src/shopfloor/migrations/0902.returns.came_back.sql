-- Units of a show that came back, or that nobody wants back, by the reason that was given; '' where none was.
CREATE VIEW returns.v_came_back AS
  SELECT r.shop_id, r.show_id, l.variant_id, l.product_id, r.reason,
         sum(CASE WHEN r.keeps_goods THEN l.quantity ELSE l.received END)::int AS units
    FROM returns.return r JOIN returns.line l ON l.return_id = r.id
   WHERE NOT r.unsent AND (l.received > 0 OR (r.keeps_goods AND r.state = 'refunded'))
   GROUP BY r.shop_id, r.show_id, l.variant_id, l.product_id, r.reason;
-- The previous release knows no returns: the table is new and small.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX return_of_show ON returns.return (shop_id, show_id) WHERE show_id IS NOT NULL;
-- The previous release knows no returns: the table is new and small.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX return_line_of_product ON returns.line (product_id);
