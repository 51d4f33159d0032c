-- Which variants a picture shows: those that have all of these option values; with none, it is of the whole product.
ALTER TABLE catalog.picture ADD COLUMN shows text[] NOT NULL DEFAULT '{}';

-- Of a variant stands the picture that says most about it, then those of the whole product, then any.
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
          SELECT sha256 FROM catalog.picture WHERE product_id = v.product_id
           ORDER BY CASE WHEN shows <@ v.options THEN 1 + cardinality(shows) ELSE 0 END DESC, position, id
           LIMIT 1) picture
          ON true;
