-- The face of a shop: its logo, cover picture, accent colour, contact, links and licences, as shopfloor.brand sets them.
ALTER TABLE accounts.shop ADD COLUMN brand jsonb NOT NULL DEFAULT '{}';
ALTER TABLE accounts.shop ADD CONSTRAINT shop_brand CHECK (jsonb_typeof(brand) = 'object') NOT VALID;
