-- Who tries out stolen cards: contacts and networks behind declined attempts, as hashes that say nothing of either.
ALTER TABLE payments.payment ADD COLUMN who bytea[];

CREATE TABLE payments.decline (
  shop_id    bigint NOT NULL,
  payment_id uuid NOT NULL,
  who        bytea NOT NULL,
  at         timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (shop_id, payment_id) REFERENCES payments.payment (shop_id, id)
);
CREATE INDEX decline_by_who ON payments.decline (shop_id, who, at);
CREATE INDEX decline_by_age ON payments.decline (at);

-- Online payment of a shop stops until then, unless somebody ends it before.
CREATE TABLE payments.pause (
  shop_id   bigint PRIMARY KEY REFERENCES accounts.shop (id),
  until     timestamptz NOT NULL,
  declines  int NOT NULL,
  paused_at timestamptz NOT NULL DEFAULT now(),
  ended_by  bigint
);
-- The column is new and empty: the index is made in no time.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX payment_with_who ON payments.payment (created_at) WHERE who IS NOT NULL;
