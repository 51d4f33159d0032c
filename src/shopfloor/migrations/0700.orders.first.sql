CREATE SCHEMA orders;

-- What a shop asks and promises; a shop without a row has the defaults of orders.Policy.
CREATE TABLE orders.policy (
  shop_id                  bigint PRIMARY KEY,
  shipping_minor           bigint NOT NULL CHECK (shipping_minor BETWEEN 0 AND 1000000000000),
  free_shipping_from_minor bigint CHECK (free_shipping_from_minor >= 0),
  pay_within_hours         int NOT NULL CHECK (pay_within_hours BETWEEN 1 AND 8760),
  balance_within_days      int NOT NULL CHECK (balance_within_days BETWEEN 1 AND 365),
  keep_deposit             boolean NOT NULL,
  claim_seconds            int NOT NULL CHECK (claim_seconds BETWEEN 10 AND 86400),
  pay_to                   text NOT NULL,
  pick_up_at               text NOT NULL
);

-- A tap on an offer where nothing is held before payment.  `lines`: [{variant_id, quantity, unit_price_minor}].
CREATE TABLE orders.intent (
  id         uuid PRIMARY KEY,
  shop_id    bigint NOT NULL,
  buyer      uuid NOT NULL,
  offer_id   bigint,
  show_id    bigint,
  pool_id    bigint NOT NULL,
  lines      jsonb NOT NULL,
  hash       bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- A purchase on its way to an order.  `id` is the id of the purchase (and of its hold in stock).  `items` and
-- `page` are what the buyer saw; nothing that the merchant changes later reaches them.
CREATE TABLE orders.checkout (
  id        uuid PRIMARY KEY,
  shop_id   bigint NOT NULL,
  buyer     uuid NOT NULL,
  held      boolean NOT NULL,
  policy    text NOT NULL CHECK (policy IN ('timer', 'first_paid', 'queue')),
  offer_id  bigint,
  show_id   bigint,
  pool_id   bigint NOT NULL,
  host_id   bigint,
  host_name text,
  show_ms   bigint,
  currency  text NOT NULL,
  items     jsonb NOT NULL,
  page      jsonb NOT NULL,
  renewals  int NOT NULL DEFAULT 0,
  begun_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE orders.orders (
  id                   uuid PRIMARY KEY,
  shop_id              bigint NOT NULL,
  number               bigint,
  checkout_id          uuid NOT NULL REFERENCES orders.checkout,
  hold_id              uuid NOT NULL,
  buyer                uuid NOT NULL,
  policy               text NOT NULL,
  offer_id             bigint,
  show_id              bigint,
  pool_id              bigint NOT NULL,
  host_id              bigint,
  host_name            text,
  show_ms              bigint,
  contact_name         text NOT NULL,
  contact_phone        text NOT NULL,
  contact_email        text NOT NULL,
  delivery             text NOT NULL CHECK (delivery IN ('ship', 'pick_up')),
  address              jsonb,
  provider             text NOT NULL,
  method               text NOT NULL,
  note                 text NOT NULL,
  locale               text NOT NULL,
  currency             text NOT NULL,
  goods_minor          bigint NOT NULL CHECK (goods_minor >= 0),
  shipping_minor       bigint NOT NULL CHECK (shipping_minor >= 0),
  total_minor          bigint NOT NULL,
  first_minor          bigint NOT NULL,
  charged_minor        bigint NOT NULL DEFAULT 0,
  refund_granted_minor bigint NOT NULL DEFAULT 0,
  refunded_minor       bigint NOT NULL DEFAULT 0,
  status               text NOT NULL,
  payment_status       text NOT NULL,
  fulfilment_status    text NOT NULL,
  secured              boolean NOT NULL DEFAULT false,
  form_hash            bytea NOT NULL,
  key                  text NOT NULL,
  tracking             text NOT NULL DEFAULT '',
  cancelled_by         text,
  cancel_why           text,
  cancel_note          text NOT NULL DEFAULT '',
  payment_due_at       timestamptz,
  balance_due_at       timestamptz,
  created_at           timestamptz NOT NULL DEFAULT now(),
  placed_at            timestamptz,
  paid_at              timestamptz,
  shipped_at           timestamptz,
  delivered_at         timestamptz,
  cancelled_at         timestamptz,
  UNIQUE (shop_id, number),
  CHECK (total_minor = goods_minor + shipping_minor),
  CHECK (first_minor BETWEEN 0 AND total_minor),
  CHECK (refund_granted_minor BETWEEN 0 AND charged_minor),
  CHECK (refunded_minor BETWEEN 0 AND refund_granted_minor),
  CHECK ((number IS NULL) = (placed_at IS NULL)),
  CHECK ((cancelled_at IS NULL) = (cancel_why IS NULL))
);
-- One order to a purchase, however often the form is sent; a declined payment leaves room for another try.
CREATE UNIQUE INDEX orders_one_per_checkout ON orders.orders (checkout_id) WHERE cancel_why IS DISTINCT FROM 'declined';
CREATE INDEX orders_by_shop ON orders.orders (shop_id, placed_at DESC);
CREATE INDEX orders_by_buyer ON orders.orders (buyer, created_at DESC);
CREATE INDEX orders_by_show ON orders.orders (show_id) WHERE show_id IS NOT NULL;
CREATE INDEX orders_by_hold ON orders.orders (hold_id);
CREATE INDEX orders_unfinished ON orders.orders (created_at) WHERE status = 'draft';
CREATE INDEX orders_payment_due ON orders.orders (payment_due_at) WHERE status = 'placed' AND payment_due_at IS NOT NULL;
CREATE INDEX orders_balance_due ON orders.orders (balance_due_at) WHERE status = 'placed' AND balance_due_at IS NOT NULL;

CREATE TABLE orders.line (
  id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  order_id          uuid NOT NULL REFERENCES orders.orders,
  position          int NOT NULL,
  variant_id        bigint NOT NULL,
  product_id        bigint NOT NULL,
  offer_id          bigint,
  title             text NOT NULL,
  sku               text NOT NULL,
  options           text[] NOT NULL,
  picture_sha       text,
  quantity          int NOT NULL CHECK (quantity > 0),
  unit_price_minor  bigint NOT NULL CHECK (unit_price_minor >= 0),
  amount_minor      bigint NOT NULL,
  first_minor       bigint NOT NULL,
  ready_on          date,
  ready_at          timestamptz,
  delayed_to        date,
  delay_accepted    boolean NOT NULL DEFAULT false,
  shipped_quantity  int NOT NULL DEFAULT 0,
  returned_quantity int NOT NULL DEFAULT 0,
  UNIQUE (order_id, position),
  CHECK (amount_minor = unit_price_minor * quantity),
  CHECK (first_minor BETWEEN 0 AND amount_minor),
  CHECK (shipped_quantity BETWEEN 0 AND quantity),
  CHECK (returned_quantity BETWEEN 0 AND shipped_quantity)
);
CREATE INDEX line_awaited ON orders.line (variant_id, ready_on) WHERE ready_on IS NOT NULL AND ready_at IS NULL;

-- One attempt to be paid; its id is the idempotency key at the provider.
CREATE TABLE orders.payment (
  id           uuid PRIMARY KEY,
  order_id     uuid NOT NULL REFERENCES orders.orders,
  purpose      text NOT NULL CHECK (purpose IN ('full', 'deposit', 'balance')),
  provider     text NOT NULL,
  method       text NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
  currency     text NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX payment_by_order ON orders.payment (order_id);

-- What happened to the money, appended and never changed; the sums on the order are recomputed from here.
-- `reference` is the provider's own id of the event: the same message twice is one event.
CREATE TABLE orders.payment_event (
  id           uuid PRIMARY KEY,
  payment_id   uuid NOT NULL REFERENCES orders.payment,
  order_id     uuid NOT NULL REFERENCES orders.orders,
  kind         text NOT NULL CHECK (kind IN ('requested', 'charged', 'failed', 'refund_granted', 'refunded', 'deposit_kept')),
  amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
  provider     text NOT NULL,
  reference    text NOT NULL,
  note         text NOT NULL DEFAULT '',
  actor        text NOT NULL,
  recorded_at  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (provider, kind, reference)
);
CREATE INDEX payment_event_by_order ON orders.payment_event (order_id, recorded_at);

CREATE FUNCTION orders.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'payment events are appended, never changed';
END $$;
CREATE TRIGGER payment_event_is_append_only BEFORE UPDATE OR DELETE ON orders.payment_event
  FOR EACH ROW EXECUTE FUNCTION orders.refuse_change();

-- Numbers that people read, per shop, from a sequence of its own: no row that every order of a shop waits for,
-- no hint to one shop of what another sells.  Gaps are allowed.  The first order of a shop makes the sequence.
CREATE FUNCTION orders.next_number(shop bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  name text := format('orders.number_%s', shop);
BEGIN
  IF to_regclass(name) IS NULL THEN
    PERFORM pg_advisory_xact_lock(hashtextextended(name, 0));
    EXECUTE format('CREATE SEQUENCE IF NOT EXISTS %s START 1001', name);
  END IF;
  RETURN nextval(name::regclass);
END $$;

-- The line for a sold-out variant.  `turn` is the order of joining.
CREATE TABLE orders.waiting (
  id               uuid PRIMARY KEY,
  turn             bigint GENERATED ALWAYS AS IDENTITY,
  shop_id          bigint NOT NULL,
  variant_id       bigint NOT NULL,
  offer_id         bigint,
  show_id          bigint,
  buyer            uuid NOT NULL,
  quantity         int NOT NULL CHECK (quantity > 0),
  unit_price_minor bigint NOT NULL CHECK (unit_price_minor >= 0),
  currency         text NOT NULL,
  state            text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'offered', 'claimed', 'lapsed', 'left')),
  hold_id          uuid UNIQUE,
  claim_until      timestamptz,
  joined_at        timestamptz NOT NULL DEFAULT now(),
  ended_at         timestamptz,
  CHECK (state <> 'offered' OR (hold_id IS NOT NULL AND claim_until IS NOT NULL))
);
CREATE UNIQUE INDEX waiting_once ON orders.waiting (buyer, variant_id) WHERE state IN ('waiting', 'offered');
CREATE INDEX waiting_in_line ON orders.waiting (shop_id, variant_id, turn) WHERE state = 'waiting';
CREATE INDEX waiting_offered ON orders.waiting (claim_until) WHERE state = 'offered';
CREATE INDEX waiting_by_buyer ON orders.waiting (buyer, joined_at DESC);

-- For the modules above: figures, demand, audit.
CREATE VIEW orders.v_order AS
  SELECT id, shop_id, number, hold_id, buyer, offer_id, show_id, host_id, show_ms, currency, goods_minor, shipping_minor,
         total_minor, charged_minor, refund_granted_minor, refunded_minor, status, payment_status, fulfilment_status,
         secured, placed_at, paid_at, shipped_at, delivered_at, cancelled_at
    FROM orders.orders WHERE placed_at IS NOT NULL;
CREATE VIEW orders.v_line AS
  SELECT l.id, o.shop_id, l.order_id, o.show_id, l.variant_id, l.product_id, l.offer_id, l.quantity, l.unit_price_minor,
         l.amount_minor, l.ready_on, l.ready_at, l.delayed_to, l.shipped_quantity, l.returned_quantity, o.currency,
         o.status, o.placed_at, o.paid_at
    FROM orders.line l JOIN orders.orders o ON o.id = l.order_id WHERE o.placed_at IS NOT NULL;
CREATE VIEW orders.v_waiting AS
  SELECT id, shop_id, variant_id, offer_id, show_id, buyer, quantity, state, joined_at, ended_at FROM orders.waiting;
