-- Where a shop is, for tax; for the modules above.
CREATE VIEW pricing.v_origin AS SELECT shop_id, origin_country FROM pricing.tax_settings;
