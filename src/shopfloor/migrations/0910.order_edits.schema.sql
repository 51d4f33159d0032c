-- What was changed on orders after they were placed, by whom and why: appended, never changed.
CREATE SCHEMA order_edits;

-- `number` counts the edits of an order.  `changes`: [{"kind", "title", …}], without anything of the buyer.
CREATE TABLE order_edits.edit (
  id           uuid PRIMARY KEY,
  shop_id      bigint NOT NULL REFERENCES accounts.shop (id),
  order_id     uuid NOT NULL REFERENCES orders.orders (id),
  number       int NOT NULL CHECK (number > 0),
  hash         bytea NOT NULL,
  actor        text NOT NULL,
  reason       text NOT NULL CHECK (length(reason) BETWEEN 1 AND 500),
  told         boolean NOT NULL,
  currency     text NOT NULL,
  before_minor bigint NOT NULL CHECK (before_minor >= 0),
  after_minor  bigint NOT NULL CHECK (after_minor >= 0),
  refund       uuid,
  refund_minor bigint NOT NULL CHECK (refund_minor >= 0),
  due_minor    bigint NOT NULL CHECK (due_minor >= 0),
  waived_minor bigint NOT NULL CHECK (waived_minor >= 0),
  changes      jsonb NOT NULL CHECK (jsonb_typeof(changes) = 'array'),
  at           timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (order_id, number),
  CHECK ((refund IS NULL) = (refund_minor = 0))
);
CREATE INDEX edit_of_shop ON order_edits.edit (shop_id, at DESC);

CREATE FUNCTION order_edits.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'edits are appended, never changed';
END $$;
CREATE TRIGGER edit_is_append_only BEFORE UPDATE OR DELETE ON order_edits.edit
  FOR EACH ROW EXECUTE FUNCTION order_edits.refuse_change();
