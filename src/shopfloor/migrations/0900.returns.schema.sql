CREATE SCHEMA returns;

-- Goods that come back, or shall: who wants to give back what, why, and what became of it.
CREATE TABLE returns.return (
  id            uuid PRIMARY KEY,
  shop_id       bigint NOT NULL REFERENCES accounts.shop (id),
  order_id      uuid NOT NULL REFERENCES orders.orders (id),
  order_number  bigint NOT NULL,
  position      int NOT NULL CHECK (position > 0),
  buyer         uuid NOT NULL,
  show_id       bigint,
  journey       text NOT NULL CHECK (journey IN ('withdrawal', 'claim', 'goodwill')),
  state         text NOT NULL CHECK (state IN ('requested', 'approved', 'received', 'refunded', 'refused', 'closed')),
  reason        text NOT NULL CHECK (length(reason) <= 40),
  note          text NOT NULL CHECK (length(note) <= 2000),
  answer        text NOT NULL DEFAULT '' CHECK (length(answer) <= 2000),
  keeps_goods   boolean NOT NULL DEFAULT false,
  unsent        boolean NOT NULL DEFAULT false,
  asked_by      text NOT NULL CHECK (length(asked_by) <= 60),
  refund_due_on date,
  refund        uuid,
  refund_minor  bigint NOT NULL DEFAULT 0 CHECK (refund_minor >= 0),
  deduct_minor  bigint NOT NULL DEFAULT 0 CHECK (deduct_minor >= 0),
  asked_at      timestamptz NOT NULL DEFAULT now(),
  decided_at    timestamptz,
  received_at   timestamptz,
  ended_at      timestamptz,
  UNIQUE (shop_id, id),
  UNIQUE (order_id, position),
  CHECK ((refund IS NOT NULL) = (state = 'refunded')),
  CHECK ((ended_at IS NOT NULL) = (state IN ('refunded', 'refused', 'closed')))
);
CREATE INDEX return_by_state ON returns.return (shop_id, state, id DESC);
CREATE INDEX return_newest ON returns.return (shop_id, id DESC);
CREATE INDEX return_of_buyer ON returns.return (shop_id, buyer);
CREATE INDEX return_by_number ON returns.return (shop_id, order_number);

CREATE TABLE returns.line (
  return_id  uuid NOT NULL REFERENCES returns.return,
  line_id    bigint NOT NULL,
  variant_id bigint NOT NULL,
  product_id bigint NOT NULL,
  quantity   int NOT NULL CHECK (quantity > 0),
  received   int NOT NULL DEFAULT 0,
  PRIMARY KEY (return_id, line_id),
  CHECK (received BETWEEN 0 AND quantity)
);

-- Units that arrived, in which state, and whether they went on the shelf again; appended, never changed.
CREATE TABLE returns.receipt (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  shop_id     bigint NOT NULL,
  return_id   uuid NOT NULL,
  line_id     bigint NOT NULL,
  variant_id  bigint NOT NULL,
  quantity    int NOT NULL CHECK (quantity > 0),
  condition   text NOT NULL CHECK (condition IN ('sellable', 'opened', 'damaged', 'wrong_item')),
  restocked   boolean NOT NULL,
  location_id bigint,
  actor       text NOT NULL,
  at          timestamptz NOT NULL DEFAULT now(),
  CHECK (restocked = (location_id IS NOT NULL)),
  FOREIGN KEY (shop_id, return_id) REFERENCES returns.return (shop_id, id),
  FOREIGN KEY (return_id, line_id) REFERENCES returns.line (return_id, line_id),
  FOREIGN KEY (shop_id, location_id) REFERENCES stock.location (shop_id, id)
);
CREATE INDEX receipt_of_return ON returns.receipt (return_id, id);

-- Units of an order line in returns that are open or done: this row is locked by whoever changes it.
CREATE TABLE returns.units (
  line_id  bigint PRIMARY KEY,
  order_id uuid NOT NULL REFERENCES orders.orders (id),
  shop_id  bigint NOT NULL,
  asked    int NOT NULL DEFAULT 0 CHECK (asked >= 0),
  received int NOT NULL DEFAULT 0 CHECK (received BETWEEN 0 AND asked),
  refunded int NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND asked)
);
CREATE INDEX units_of_order ON returns.units (order_id);

-- What happened to a return and who did it; appended, and only words about an erased person are taken out.
CREATE TABLE returns.event (
  id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  shop_id   bigint NOT NULL,
  return_id uuid NOT NULL,
  at        timestamptz NOT NULL DEFAULT clock_timestamp(),
  kind      text NOT NULL CHECK (length(kind) <= 40),
  actor     text NOT NULL,
  facts     jsonb NOT NULL DEFAULT '{}',
  FOREIGN KEY (shop_id, return_id) REFERENCES returns.return (shop_id, id)
);
CREATE INDEX event_of_return ON returns.event (return_id, id);
