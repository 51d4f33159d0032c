-- For the modules above: whether a product is on sale, and its first picture.
CREATE VIEW catalog.v_shown AS
    SELECT p.id, p.shop_id, p.status,
           (SELECT sha256 FROM catalog.picture WHERE product_id = p.id ORDER BY position, id LIMIT 1) AS picture_sha
      FROM catalog.product p;
