-- The bundle that units were sold in, carried like the offer: the ledger does not look into it.
ALTER TABLE stock.hold ADD COLUMN bundle_id bigint;
