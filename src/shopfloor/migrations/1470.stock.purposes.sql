-- Units at a location that are not for sale there now, by purpose: a pool per shop and purpose, of the kind `channel`.
ALTER TABLE stock.pool ADD COLUMN purpose text
  CHECK (purpose IN ('transit', 'safety', 'damaged', 'display', 'repair'));
-- A shop has a handful of pools.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX pool_one_per_purpose ON stock.pool (shop_id, purpose) WHERE purpose IS NOT NULL;

CREATE OR REPLACE VIEW stock.v_pool AS
SELECT id, shop_id, kind::text AS kind, location_id, is_open, purpose FROM stock.pool;

-- Nobody buys from what is kept for a purpose: it is left for nobody.
CREATE OR REPLACE VIEW stock.v_left AS
SELECT p.shop_id, p.id AS pool_id, p.show_id, l.variant_id, l.id AS level_id, l.location_id, l.kind, l.ready_on,
       greatest(0, l.quantity - l.held - l.allocated) AS left_now
  FROM stock.pool AS p
  JOIN stock.level AS l
    ON l.pool_id = p.id
    OR (l.pool_id = p.lender_id AND l.kind <> 'on_hand' AND (p.location_id IS NULL OR l.location_id = p.location_id))
 WHERE p.is_open AND p.purpose IS NULL;

-- The journal, for the audit of what moves.
CREATE VIEW stock.v_movement AS SELECT id, at, level_id, kind, quantity FROM stock.movement;
