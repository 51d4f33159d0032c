-- What a shop grants to those who send goods back, beside what the law gives them.
CREATE SCHEMA policies;

CREATE TABLE policies.return_rules (
  shop_id         bigint PRIMARY KEY REFERENCES accounts.shop (id),
  withdrawal_days int NOT NULL CHECK (withdrawal_days BETWEEN 0 AND 365),
  goodwill_days   int NOT NULL CHECK (goodwill_days BETWEEN 0 AND 365),
  claim_days      int NOT NULL CHECK (claim_days BETWEEN 0 AND 3650),
  seller_pays     boolean NOT NULL,
  address         text NOT NULL CHECK (length(address) <= 1000),
  note            text NOT NULL CHECK (length(note) <= 2000)
);

-- Products that nobody may send back without a fault, and why.
CREATE TABLE policies.no_withdrawal (
  shop_id    bigint NOT NULL,
  product_id bigint NOT NULL,
  why        text NOT NULL CHECK (why IN ('made_to_order', 'perishable', 'sealed', 'digital', 'agreed')),
  PRIMARY KEY (shop_id, product_id),
  FOREIGN KEY (shop_id, product_id) REFERENCES catalog.product (shop_id, id) ON DELETE CASCADE
);
