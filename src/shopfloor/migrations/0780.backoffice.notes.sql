-- What staff do with orders beside selling and packing.
CREATE SCHEMA backoffice;

-- What staff wrote down about an order, and what was changed on it before it was shipped: appended, never changed.
CREATE TABLE backoffice.note (
  id       uuid PRIMARY KEY,
  shop_id  bigint NOT NULL REFERENCES accounts.shop (id),
  order_id uuid NOT NULL REFERENCES orders.orders (id),
  kind     text NOT NULL DEFAULT 'note' CHECK (length(kind) BETWEEN 1 AND 40),
  text     text NOT NULL CHECK (length(text) <= 4000),
  facts    jsonb NOT NULL DEFAULT '{}',
  actor    text NOT NULL,
  at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX note_of_order ON backoffice.note (order_id, at);

CREATE FUNCTION backoffice.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'notes are appended, never changed';
END $$;
CREATE TRIGGER note_is_append_only BEFORE UPDATE OR DELETE ON backoffice.note
  FOR EACH ROW EXECUTE FUNCTION backoffice.refuse_change();
