-- Product pages as buyers saw them: each text once, however many bought from it.  Named by the hash of its content,
-- within its shop.
CREATE TABLE orders.page_text (
  shop_id bigint NOT NULL,
  hash    bytea NOT NULL,
  body    jsonb NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (shop_id, hash)
);
