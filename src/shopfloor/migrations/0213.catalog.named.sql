-- For the modules above: what a variant is called and known by.
CREATE VIEW catalog.v_named AS
    SELECT v.id, v.shop_id, v.product_id, v.sku, v.options, p.title, p.titles, p.option_names
      FROM catalog.variant v JOIN catalog.product p ON p.id = v.product_id;
