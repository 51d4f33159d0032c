-- What scanners read of a variant, for the modules above.
CREATE VIEW catalog.v_barcode AS SELECT id, shop_id, product_id, barcode FROM catalog.variant;
