-- For the modules above: what a variant weighs and is taxed as.
CREATE VIEW catalog.v_goods AS
    SELECT v.id, v.shop_id, v.grams, coalesce(p.tax_class, 'standard') AS tax_class
      FROM catalog.variant v JOIN catalog.product p ON p.id = v.product_id;
