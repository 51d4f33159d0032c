-- What a product is taxed as; without one as `standard`.
ALTER TABLE catalog.product ADD COLUMN tax_class text;
ALTER TABLE catalog.product ADD CONSTRAINT product_tax_class
  FOREIGN KEY (shop_id, tax_class) REFERENCES pricing.tax_class (shop_id, code) NOT VALID;
