-- Units that nobody has paid for yet, by the network they were asked for from (a salted key, no address).  It is
-- emptied when they are paid for or given back: what bears a network is open and unpaid.
ALTER TABLE stock.hold ADD COLUMN network bigint;

-- Buyers who have paid in this shop: the limits of networks do not bind them.
CREATE TABLE stock.proven (
    shop_id bigint NOT NULL,
    buyer   uuid NOT NULL,
    since   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (shop_id, buyer)
);
