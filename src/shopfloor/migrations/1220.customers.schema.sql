-- Who buys in a shop.  A customer belongs to one shop; the same address in two shops is two customers.
CREATE SCHEMA customers;

-- Known by an e-mail address, or else by the digits of a telephone number.  `proven_at`: since when whoever signs in has
-- proved that the address is theirs; before, it is only what an order said, and opens nothing to anybody.
CREATE TABLE customers.customer (
  id          uuid PRIMARY KEY,
  shop_id     bigint NOT NULL REFERENCES accounts.shop (id),
  email       text NOT NULL DEFAULT '' CHECK (length(email) <= 254 AND email = lower(email)),
  phone       text NOT NULL DEFAULT '' CHECK (phone ~ '^[0-9]{0,30}$'),
  name        text NOT NULL DEFAULT '' CHECK (length(name) <= 120),
  locale      text NOT NULL DEFAULT '' CHECK (length(locale) <= 16),
  proven_at   timestamptz,
  created_at  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (shop_id, id),
  CHECK (email <> '' OR phone <> ''),
  CHECK (proven_at IS NULL OR email <> '')
);
CREATE UNIQUE INDEX customer_by_email ON customers.customer (shop_id, email) WHERE email <> '';
CREATE UNIQUE INDEX customer_by_phone ON customers.customer (shop_id, phone) WHERE email = '';
CREATE INDEX customer_newest ON customers.customer (shop_id, created_at DESC, id DESC);
-- By any piece of a name, an address or a telephone number, as orders are found.
CREATE FUNCTION customers.search_text(name text, email text, phone text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT lower(name || E'\n' || email || E'\n' || phone) $$;
CREATE INDEX customer_by_pieces ON customers.customer
 USING gin (orders.search_pieces(shop_id, customers.search_text(name, email, phone)));

-- Whose an order is, and why: its contact is theirs, or they were signed in when it was placed.
CREATE TABLE customers.order_of (
  order_id    uuid PRIMARY KEY REFERENCES orders.orders (id),
  shop_id     bigint NOT NULL,
  customer_id uuid NOT NULL,
  why         text NOT NULL CHECK (why IN ('contact', 'signed_in')),
  joined_at   timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (shop_id, customer_id) REFERENCES customers.customer (shop_id, id) ON DELETE CASCADE
);
CREATE INDEX order_of_customer ON customers.order_of (customer_id, order_id DESC);

-- Codes that were asked for.  `device` is the hash of what only the asking browser has; `secret` that of this and the
-- code, so that nobody who reads the table can try all codes.
CREATE TABLE customers.code (
  id         uuid PRIMARY KEY,
  shop_id    bigint NOT NULL REFERENCES accounts.shop (id),
  email      text NOT NULL CHECK (length(email) BETWEEN 3 AND 254 AND email = lower(email)),
  network    bigint,
  device     bytea NOT NULL UNIQUE CHECK (length(device) = 32),
  secret     bytea NOT NULL CHECK (length(secret) = 32),
  tries      int NOT NULL DEFAULT 0 CHECK (tries >= 0),
  asked_at   timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  used_at    timestamptz
);
CREATE INDEX code_to ON customers.code (shop_id, email, asked_at DESC);
CREATE INDEX code_from ON customers.code (network, asked_at DESC) WHERE network IS NOT NULL;
CREATE INDEX code_of_day ON customers.code (shop_id, asked_at DESC);

-- `shopper` is the browser's own id: what is ordered with it while somebody is signed in is theirs.
CREATE TABLE customers.session (
  token       bytea PRIMARY KEY CHECK (length(token) = 32),
  shop_id     bigint NOT NULL,
  customer_id uuid NOT NULL,
  shopper     uuid NOT NULL,
  device      text NOT NULL CHECK (length(device) <= 200),
  started_at  timestamptz NOT NULL DEFAULT now(),
  seen_at     timestamptz NOT NULL DEFAULT now(),
  expires_at  timestamptz NOT NULL,
  FOREIGN KEY (shop_id, customer_id) REFERENCES customers.customer (shop_id, id) ON DELETE CASCADE
);
CREATE INDEX session_of_customer ON customers.session (customer_id, seen_at DESC);
CREATE INDEX session_of_shopper ON customers.session (shop_id, shopper);

-- Browsers in which a customer has signed in: what was said in chat there is theirs, and goes with them.
CREATE TABLE customers.browser (
  shop_id     bigint NOT NULL,
  customer_id uuid NOT NULL,
  shopper     uuid NOT NULL,
  PRIMARY KEY (shop_id, customer_id, shopper),
  FOREIGN KEY (shop_id, customer_id) REFERENCES customers.customer (shop_id, id) ON DELETE CASCADE
);

CREATE TABLE customers.address (
  id          uuid PRIMARY KEY,
  shop_id     bigint NOT NULL,
  customer_id uuid NOT NULL,
  name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
  phone       text NOT NULL CHECK (length(phone) <= 40),
  street      text NOT NULL CHECK (length(street) BETWEEN 1 AND 200),
  city        text NOT NULL CHECK (length(city) <= 200),
  region      text NOT NULL CHECK (length(region) <= 200),
  postcode    text NOT NULL CHECK (length(postcode) <= 200),
  country     text NOT NULL CHECK (length(country) <= 200),
  is_default  boolean NOT NULL,
  changed_at  timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (shop_id, customer_id) REFERENCES customers.customer (shop_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX address_default ON customers.address (customer_id) WHERE is_default;
CREATE INDEX address_of_customer ON customers.address (customer_id, id);

-- Each yes and no with its time, source and the words it was said to; the newest counts.
CREATE TABLE customers.consent (
  id          uuid PRIMARY KEY,
  shop_id     bigint NOT NULL,
  customer_id uuid NOT NULL,
  purpose     text NOT NULL CHECK (purpose IN ('marketing')),
  channel     text NOT NULL CHECK (channel IN ('mail', 'sms')),
  granted     boolean NOT NULL,
  source      text NOT NULL CHECK (source IN ('account', 'checkout', 'console', 'unsubscribe')),
  wording     text NOT NULL CHECK (length(wording) <= 500),
  at          timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (shop_id, customer_id) REFERENCES customers.customer (shop_id, id) ON DELETE CASCADE
);
CREATE INDEX consent_of_customer ON customers.consent (customer_id, id DESC);

-- What people of the shop wrote down about a customer.
CREATE TABLE customers.note (
  id          uuid PRIMARY KEY,
  shop_id     bigint NOT NULL,
  customer_id uuid NOT NULL,
  person_id   bigint NOT NULL,
  text        text NOT NULL CHECK (length(text) BETWEEN 1 AND 2000),
  at          timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (shop_id, customer_id) REFERENCES customers.customer (shop_id, id) ON DELETE CASCADE
);
CREATE INDEX note_of_customer ON customers.note (customer_id, id DESC);

-- Browsers in which somebody does not want the address of earlier orders to be filled in.
CREATE TABLE customers.forgotten (
  shop_id bigint NOT NULL REFERENCES accounts.shop (id),
  shopper uuid NOT NULL,
  at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (shop_id, shopper)
);
