-- Messages by SMS: the gateway of a shop, its words, who wants them, and how many went out.
-- How many parts a message had, what the gateway calls it, and what it said of its delivery.
ALTER TABLE notifications.notice ADD COLUMN segments int NOT NULL DEFAULT 0;
ALTER TABLE notifications.notice ADD COLUMN reference text NOT NULL DEFAULT '';
ALTER TABLE notifications.notice ADD COLUMN delivery text NOT NULL DEFAULT '';
ALTER TABLE notifications.notice ADD COLUMN delivery_at timestamptz;

-- Without an address messages are kept here and sent to nobody.  `sealed` holds headers and secret; `report_key` is in the
-- address to which the gateway reports.
CREATE TABLE notifications.sms_gateway (
  shop_id         bigint PRIMARY KEY REFERENCES accounts.shop (id),
  url             text NOT NULL CHECK (length(url) <= 1000),
  method          text NOT NULL CHECK (method IN ('POST', 'GET', 'PUT')),
  format          text NOT NULL CHECK (format IN ('json', 'form')),
  body            text NOT NULL CHECK (length(body) <= 4000),
  sealed          bytea,
  header_names    text[] NOT NULL,
  has_secret      boolean NOT NULL,
  ok_field        text NOT NULL CHECK (length(ok_field) <= 100),
  ok_value        text NOT NULL CHECK (length(ok_value) <= 200),
  reference_field text NOT NULL CHECK (length(reference_field) <= 100),
  report_key      text NOT NULL UNIQUE CHECK (length(report_key) = 43),
  report_id       text NOT NULL CHECK (length(report_id) <= 100),
  report_status   text NOT NULL CHECK (length(report_status) <= 100),
  delivered       text NOT NULL CHECK (length(delivered) <= 400),
  undelivered     text NOT NULL CHECK (length(undelivered) <= 400),
  region          text NOT NULL CHECK (length(region) = 2),
  countries       text[] NOT NULL,
  kinds           text[] NOT NULL,
  most_a_day      int NOT NULL CHECK (most_a_day BETWEEN 1 AND 1000000),
  changed_at      timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE notifications.sms_wording (
  shop_id bigint NOT NULL REFERENCES accounts.shop (id),
  kind    text NOT NULL CHECK (length(kind) BETWEEN 1 AND 40),
  locale  text NOT NULL CHECK (length(locale) <= 16),
  words   text NOT NULL CHECK (length(words) BETWEEN 1 AND 600),
  PRIMARY KEY (shop_id, kind, locale)
);

-- Orders whose buyer asked for messages by SMS: the number is that of the order.
CREATE TABLE notifications.sms_wanted (
  order_id uuid PRIMARY KEY REFERENCES orders.orders (id),
  shop_id  bigint NOT NULL REFERENCES accounts.shop (id),
  wording  text NOT NULL CHECK (length(wording) <= 500),
  at       timestamptz NOT NULL DEFAULT now()
);

-- Where somebody in a waitlist wants to be told by SMS.
CREATE TABLE notifications.place_phone (
  waiting    uuid PRIMARY KEY,
  shop_id    bigint NOT NULL REFERENCES accounts.shop (id),
  buyer      uuid NOT NULL,
  phone      text NOT NULL CHECK (phone ~ '^\+[0-9]{6,15}$'),
  locale     text NOT NULL CHECK (length(locale) <= 16),
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX place_phone_of_buyer ON notifications.place_phone (shop_id, buyer);

-- What was sent on a day (UTC): parts of the shop, messages to a number (as a hash).
CREATE TABLE notifications.sms_used (
  shop_id bigint NOT NULL REFERENCES accounts.shop (id),
  day     date NOT NULL,
  what    bytea NOT NULL,
  units   int NOT NULL CHECK (units >= 0),
  PRIMARY KEY (shop_id, day, what)
);
