-- transactional: false
-- What lies in a box is asked whenever it moves.
ALTER TABLE fulfilment.parcel VALIDATE CONSTRAINT parcel_in_box_of_shop;
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
DROP INDEX CONCURRENTLY IF EXISTS fulfilment.parcel_by_box;
-- This migration runs outside of a transaction, as its first line says.
-- squawk-ignore ban-concurrent-index-creation-in-transaction
CREATE INDEX CONCURRENTLY parcel_by_box ON fulfilment.parcel (box_id) WHERE box_id IS NOT NULL;
