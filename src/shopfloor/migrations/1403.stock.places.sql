-- Places and pools, for the modules above.
CREATE VIEW stock.v_location AS SELECT id, shop_id, name, kind::text AS kind FROM stock.location;
CREATE VIEW stock.v_pool AS SELECT id, shop_id, kind::text AS kind, location_id, is_open FROM stock.pool;
