-- Fapiao that buyers ask for.  They are issued on the tax authority's platform; here stand who asked for one, with which
-- title, and the numbers and files that came back.
CREATE SCHEMA fapiao;

-- `offered` NULL: where the shop is in China.
CREATE TABLE fapiao.settings (
  shop_id    bigint PRIMARY KEY REFERENCES accounts.shop (id),
  offered    boolean,
  goods_name text NOT NULL DEFAULT '' CHECK (length(goods_name) <= 100),
  goods_code text NOT NULL DEFAULT '' CHECK (goods_code ~ '^([0-9]{19})?$')
);

-- One for each order.  `deducted`: refunds that the fapiao was issued without.
CREATE TABLE fapiao.request (
  id           uuid PRIMARY KEY,
  shop_id      bigint NOT NULL REFERENCES accounts.shop (id),
  order_id     uuid NOT NULL REFERENCES orders.orders (id),
  order_number bigint NOT NULL,
  buyer        uuid NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('person', 'company')),
  title        text NOT NULL CHECK (length(title) <= 100),
  tax_id       text NOT NULL CHECK (length(tax_id) <= 20),
  email        text NOT NULL CHECK (length(email) <= 254),
  note         text NOT NULL CHECK (length(note) <= 300),
  via          text NOT NULL CHECK (via IN ('checkout', 'order', 'receipt', 'staff')),
  locale       text NOT NULL CHECK (length(locale) <= 35),
  state        text NOT NULL CHECK (state IN ('open', 'issued', 'red_requested', 'done', 'withdrawn')),
  why          text NOT NULL DEFAULT '' CHECK (why IN ('', 'buyer', 'declined', 'cancelled', 'refunded', 'erased')),
  answer       text NOT NULL DEFAULT '' CHECK (length(answer) <= 300),
  deducted     uuid[] NOT NULL DEFAULT '{}',
  asked_at     timestamptz NOT NULL DEFAULT now(),
  changed_at   timestamptz NOT NULL DEFAULT now(),
  UNIQUE (shop_id, id),
  UNIQUE (order_id),
  CHECK ((state = 'withdrawn') = (why <> ''))
);
CREATE INDEX request_by_state ON fapiao.request (shop_id, state, id DESC);
CREATE INDEX request_newest ON fapiao.request (shop_id, id DESC);
CREATE INDEX request_of_buyer ON fapiao.request (shop_id, buyer);
CREATE INDEX request_by_number ON fapiao.request (shop_id, order_number);

-- The fapiao itself, once somebody says its number, and a red one for each refund after that: `source` is the refund.
CREATE TABLE fapiao.paper (
  id           uuid PRIMARY KEY,
  shop_id      bigint NOT NULL,
  request_id   uuid NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('blue', 'red')),
  source       uuid NOT NULL,
  currency     text NOT NULL,
  amount_minor bigint NOT NULL CHECK (amount_minor > 0),
  number       text CHECK (number ~ '^[0-9]{8,20}$'),
  issued_on    date,
  actor        text NOT NULL DEFAULT '' CHECK (length(actor) <= 60),
  wanted_at    timestamptz NOT NULL DEFAULT now(),
  recorded_at  timestamptz,
  UNIQUE (shop_id, id),
  UNIQUE (shop_id, number),
  UNIQUE (request_id, source),
  FOREIGN KEY (shop_id, request_id) REFERENCES fapiao.request (shop_id, id),
  CHECK ((number IS NULL) = (issued_on IS NULL) AND (number IS NULL) = (recorded_at IS NULL)),
  CHECK (kind = 'red' OR number IS NOT NULL)
);
CREATE UNIQUE INDEX paper_blue_once ON fapiao.paper (request_id) WHERE kind = 'blue';

CREATE TABLE fapiao.file (
  id       uuid PRIMARY KEY,
  shop_id  bigint NOT NULL,
  paper_id uuid NOT NULL,
  format   text NOT NULL CHECK (format IN ('pdf', 'ofd')),
  content  bytea NOT NULL CHECK (length(content) <= 1048576),
  sha256   bytea NOT NULL,
  added_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (paper_id, sha256),
  FOREIGN KEY (shop_id, paper_id) REFERENCES fapiao.paper (shop_id, id)
);

-- What stands on a receipt, so that who holds it can ask without an account.
CREATE TABLE fapiao.code (
  shop_id  bigint NOT NULL REFERENCES accounts.shop (id),
  order_id uuid NOT NULL REFERENCES orders.orders (id),
  code     text NOT NULL CHECK (code ~ '^[0-9A-Z]{12}$'),
  PRIMARY KEY (shop_id, code),
  UNIQUE (order_id)
);
