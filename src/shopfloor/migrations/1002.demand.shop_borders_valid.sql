-- Rows from before are looked at in a transaction of its own, which keeps nobody from writing.
ALTER TABLE demand.forecast VALIDATE CONSTRAINT forecast_show_in_shop;
ALTER TABLE demand.observation VALIDATE CONSTRAINT observation_show_in_shop;
ALTER TABLE demand.observation VALIDATE CONSTRAINT observation_variant_in_shop;
