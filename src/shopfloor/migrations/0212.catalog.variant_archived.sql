-- One size is no longer sold while the rest of the product is: it stays for the orders, stock and prices that name it.
ALTER TABLE catalog.variant ADD COLUMN archived_at timestamptz;

-- A variant is sold like its product, unless it is archived itself.
CREATE OR REPLACE VIEW catalog.v_variant AS
    SELECT v.id, v.shop_id, v.product_id, v.sku, v.options, p.title, force.minor AS price_minor, v.currency,
           picture.sha256 AS picture_sha, v.position, p.titles, p.handle, p.kind,
           CASE WHEN v.archived_at IS NULL THEN p.status ELSE 'archived' END AS status, p.option_names
      FROM catalog.variant v
      JOIN catalog.product p ON p.id = v.product_id
      CROSS JOIN LATERAL (
          SELECT minor FROM catalog.price
           WHERE variant_id = v.id AND (valid_from <= recorded_at OR valid_from <= now())
           ORDER BY valid_from DESC, id DESC LIMIT 1) force
      LEFT JOIN LATERAL (
          SELECT sha256 FROM catalog.picture WHERE product_id = v.product_id ORDER BY position, id LIMIT 1) picture
          ON true;
