-- Holds that are over for good: the chance they were given for is another buyer's, so nobody is granted them again.
CREATE TABLE stock.ended (
    hold_id  uuid PRIMARY KEY,
    shop_id  bigint NOT NULL REFERENCES accounts.shop (id),
    ended_at timestamptz NOT NULL DEFAULT now()
);
