-- Tills: registers in stores, the devices that are paired with them, and the facts those have sent.
CREATE SCHEMA tills;

-- `code` begins the series of its devices; `devices`, `shifts` and `last_z` count what the register had so far.
CREATE TABLE tills.register (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  shop_id     bigint NOT NULL,
  location_id bigint NOT NULL,
  code        text NOT NULL,
  name        text NOT NULL,
  devices     int NOT NULL DEFAULT 0,
  shifts      int NOT NULL DEFAULT 0,
  last_z      int NOT NULL DEFAULT 0,
  last_hash   text NOT NULL DEFAULT '',
  closed_at   timestamptz,
  created_at  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (shop_id, id),
  UNIQUE (shop_id, code),
  FOREIGN KEY (shop_id, location_id) REFERENCES stock.location (shop_id, id)
);

-- What a shop sets for its tills.  `variant_id`: the variant under which amounts without goods are booked.
CREATE TABLE tills.settings (
  shop_id              bigint PRIMARY KEY,
  offline_cash_return  bigint NOT NULL DEFAULT 0 CHECK (offline_cash_return BETWEEN 0 AND 1000000000000),
  discount_percent     int NOT NULL DEFAULT 20 CHECK (discount_percent BETWEEN 0 AND 100),
  barcode_patterns     jsonb NOT NULL DEFAULT '[]',
  variant_id           bigint
);

-- A code with which one device is paired, once.
CREATE TABLE tills.pairing (
  code_hash   bytea PRIMARY KEY,
  shop_id     bigint NOT NULL,
  register_id bigint NOT NULL,
  expires_at  timestamptz NOT NULL,
  person_id   bigint NOT NULL,
  FOREIGN KEY (shop_id, register_id) REFERENCES tills.register (shop_id, id)
);
CREATE INDEX pairing_by_age ON tills.pairing (expires_at);

-- `last_sequence` and `last_hash`: how far its journal is here; `last_number`: of its receipts.  `skew_ms`: its clock
-- less ours when it was last heard.  `pool_id`: the units that are set apart for it.
CREATE TABLE tills.device (
  id            uuid PRIMARY KEY,
  shop_id       bigint NOT NULL,
  register_id   bigint NOT NULL,
  pool_id       bigint NOT NULL,
  name          text NOT NULL,
  series        text NOT NULL,
  secret_hash   bytea NOT NULL,
  last_sequence bigint NOT NULL DEFAULT 0,
  last_hash     text NOT NULL,
  last_number   bigint NOT NULL DEFAULT 0,
  skew_ms       bigint NOT NULL DEFAULT 0,
  paired_at     timestamptz NOT NULL DEFAULT now(),
  seen_at       timestamptz,
  locked_at     timestamptz,
  person_id     bigint,
  UNIQUE (shop_id, id),
  UNIQUE (shop_id, series),
  FOREIGN KEY (shop_id, register_id) REFERENCES tills.register (shop_id, id)
);
CREATE INDEX device_of_register ON tills.device (register_id);

-- Who sells.  `pin_hash` is PBKDF2-HMAC-SHA-256, as the page checks it without a network.
CREATE TABLE tills.assistant (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  shop_id    bigint NOT NULL,
  name       text NOT NULL,
  rights     text[] NOT NULL,
  is_manager boolean NOT NULL DEFAULT false,
  pin_salt   bytea NOT NULL,
  pin_hash   bytea NOT NULL,
  iterations int NOT NULL,
  left_at    timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (shop_id, id)
);

-- The journal of a device, appended and never changed: `raw` is the fact as it came, but for who bought: names stand in
-- orders alone, which can be forgotten (`without_buyer`: its hash was that of the whole).  `state`: applied, kept (nothing
-- follows from it), review (a person decides: it came from a device that is locked out, or could not be applied).
CREATE TABLE tills.fact (
  device_id   uuid NOT NULL REFERENCES tills.device,
  sequence    bigint NOT NULL CHECK (sequence > 0),
  shop_id     bigint NOT NULL,
  kind        text NOT NULL,
  happened_at timestamptz,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  raw         bytea NOT NULL,
  hash        text NOT NULL,
  chained     boolean NOT NULL,
  without_buyer boolean NOT NULL,
  state       text NOT NULL CHECK (state IN ('applied', 'kept', 'review')),
  PRIMARY KEY (device_id, sequence)
);
CREATE INDEX fact_of_shop ON tills.fact (shop_id, recorded_at);
ALTER TABLE tills.fact ALTER COLUMN raw SET STORAGE EXTERNAL;

CREATE FUNCTION tills.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' OR (NEW.device_id, NEW.sequence, NEW.raw, NEW.hash, NEW.recorded_at)
     IS DISTINCT FROM (OLD.device_id, OLD.sequence, OLD.raw, OLD.hash, OLD.recorded_at) THEN
    RAISE EXCEPTION 'facts of tills are appended, never changed';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER fact_is_append_only BEFORE UPDATE OR DELETE ON tills.fact
  FOR EACH ROW EXECUTE FUNCTION tills.refuse_change();

-- A shift is known from its first fact, whichever device sends it; `opened_at` comes with its opening.  `z` is frozen
-- when it is closed, and chained to the register's Z before it.  `late`: facts that came after that.
CREATE TABLE tills.shift (
  id           uuid PRIMARY KEY,
  turn         bigint GENERATED ALWAYS AS IDENTITY,
  shop_id      bigint NOT NULL,
  register_id  bigint NOT NULL,
  number       int NOT NULL,
  assistant_id bigint,
  opened_at    timestamptz,
  float_minor  bigint NOT NULL DEFAULT 0,
  closed_at    timestamptz,
  counted_minor bigint,
  z_number     int,
  z            jsonb,
  z_previous   text,
  z_hash       text,
  late         int NOT NULL DEFAULT 0,
  UNIQUE (shop_id, id),
  UNIQUE (register_id, number),
  UNIQUE (register_id, z_number),
  CHECK ((z IS NULL) = (z_number IS NULL) AND (z IS NULL) = (z_hash IS NULL)),
  FOREIGN KEY (shop_id, register_id) REFERENCES tills.register (shop_id, id)
);

CREATE INDEX shift_of_shop ON tills.shift (shop_id, turn DESC);

-- What changed a drawer or a terminal's takings: sales, refunds, pay-ins and pay-outs, signed, by tender.
CREATE TABLE tills.entry (
  device_id   uuid NOT NULL,
  sequence    bigint NOT NULL,
  position    int NOT NULL,
  shop_id     bigint NOT NULL,
  shift_id    uuid,
  kind        text NOT NULL,
  tender      text NOT NULL,
  amount_minor bigint NOT NULL,
  late        boolean NOT NULL,
  PRIMARY KEY (device_id, sequence, position),
  FOREIGN KEY (device_id, sequence) REFERENCES tills.fact (device_id, sequence)
);
CREATE INDEX entry_of_shift ON tills.entry (shift_id);

-- A receipt: of a sale or a return.  Those of training have no number and no order.
CREATE TABLE tills.receipt (
  id           uuid PRIMARY KEY,
  device_id    uuid NOT NULL,
  sequence     bigint NOT NULL,
  shop_id      bigint NOT NULL,
  register_id  bigint NOT NULL,
  location_id  bigint NOT NULL,
  shift_id     uuid,
  assistant_id bigint,
  kind         text NOT NULL CHECK (kind IN ('sale', 'return')),
  series       text NOT NULL,
  number       bigint,
  token        text,
  order_id     uuid,
  is_training  boolean NOT NULL,
  is_offline   boolean NOT NULL,
  total_minor  bigint NOT NULL,
  tax_minor    bigint NOT NULL DEFAULT 0,
  price_list   text NOT NULL DEFAULT '',
  signature    text,
  happened_at  timestamptz NOT NULL,
  UNIQUE (device_id, sequence),
  UNIQUE (shop_id, series, number),
  UNIQUE (shop_id, token),
  FOREIGN KEY (device_id, sequence) REFERENCES tills.fact (device_id, sequence)
);
CREATE INDEX receipt_of_register ON tills.receipt (register_id, happened_at DESC);
CREATE INDEX receipt_of_order ON tills.receipt (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX receipt_of_shift ON tills.receipt (shift_id) WHERE shift_id IS NOT NULL;
CREATE INDEX receipt_of_shop ON tills.receipt (shop_id, id DESC);

-- What a till could not keep: work for a person.
CREATE TABLE tills.task (
  id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  shop_id   bigint NOT NULL,
  device_id uuid NOT NULL,
  sequence  bigint NOT NULL,
  code      text NOT NULL,
  facts     jsonb NOT NULL,
  order_id  uuid,
  opened_at timestamptz NOT NULL DEFAULT now(),
  done_at   timestamptz,
  person_id bigint,
  note      text NOT NULL DEFAULT '',
  UNIQUE (device_id, sequence, code),
  FOREIGN KEY (shop_id, device_id) REFERENCES tills.device (shop_id, id)
);
CREATE INDEX task_of_shop ON tills.task (shop_id, id DESC);
CREATE INDEX task_open ON tills.task (shop_id, id DESC) WHERE done_at IS NULL;

-- Units of a basket that a till keeps for a few minutes, out of its own pool.
CREATE TABLE tills.basket (
  id         uuid PRIMARY KEY,
  shop_id    bigint NOT NULL,
  device_id  uuid NOT NULL,
  lines      jsonb NOT NULL,
  expires_at timestamptz NOT NULL,
  FOREIGN KEY (shop_id, device_id) REFERENCES tills.device (shop_id, id)
);
CREATE INDEX basket_by_age ON tills.basket (expires_at);
CREATE INDEX basket_of_device ON tills.basket (device_id);

-- Scarce goods: so many units are set apart for a device while it sells.
CREATE TABLE tills.escrow (
  device_id  uuid NOT NULL,
  variant_id bigint NOT NULL,
  shop_id    bigint NOT NULL,
  quantity   int NOT NULL CHECK (quantity BETWEEN 1 AND 1000000),
  PRIMARY KEY (device_id, variant_id),
  FOREIGN KEY (shop_id, device_id) REFERENCES tills.device (shop_id, id)
);

-- Price lists as devices had them; a receipt names its own.
CREATE TABLE tills.price_list (
  shop_id bigint NOT NULL,
  version text NOT NULL,
  body    jsonb NOT NULL,
  made_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (shop_id, version)
);
