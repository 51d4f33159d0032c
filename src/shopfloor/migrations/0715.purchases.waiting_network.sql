-- Where a place in line was taken from (stock.hold.network): what is offered to it counts towards that network's share.
ALTER TABLE purchases.waiting ADD COLUMN network bigint;
