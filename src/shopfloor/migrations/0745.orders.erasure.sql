-- Who asked that a person be forgotten, when, and what is still to come: orders that are not over keep their contact
-- until they are.  Nothing of the person stands here.
CREATE TABLE orders.erasure (
  id         uuid PRIMARY KEY,
  shop_id    bigint NOT NULL,
  person_id  bigint NOT NULL,
  erased     int NOT NULL,
  waiting    uuid[] NOT NULL,
  at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX erasure_waiting ON orders.erasure (at) WHERE waiting <> '{}';
CREATE INDEX erasure_of_shop ON orders.erasure (shop_id, at DESC);
