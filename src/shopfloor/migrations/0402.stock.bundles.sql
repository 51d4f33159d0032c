-- The bundle that units were sold in, carried like the offer: the ledger does not look into it.
ALTER TABLE stock.hold ADD COLUMN bundle_id bigint;

-- Only units that were sold in a bundle enter it.
CREATE INDEX hold_of_bundle ON stock.hold (pool_id, bundle_id) WHERE bundle_id IS NOT NULL;
