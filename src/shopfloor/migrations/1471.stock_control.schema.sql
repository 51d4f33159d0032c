-- Work in stores and warehouses that changes stock in several steps: transfers between locations and counts.
CREATE SCHEMA stock_control;

-- The last number of each kind of paper of a shop.
CREATE TABLE stock_control.numbers (
  shop_id   bigint PRIMARY KEY,
  transfers int NOT NULL DEFAULT 0,
  counts    int NOT NULL DEFAULT 0
);

-- Units on their way from one location to another.  What was sent is in transit until it is received or explained.
CREATE TABLE stock_control.transfer (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  shop_id     bigint NOT NULL,
  number      int NOT NULL,
  source_id   bigint NOT NULL,
  target_id   bigint NOT NULL,
  state       text NOT NULL DEFAULT 'draft'
              CHECK (state IN ('draft', 'sent', 'partly_received', 'closed', 'cancelled')),
  expected_on date,
  note        text NOT NULL DEFAULT '',
  person_id   bigint,
  created_at  timestamptz NOT NULL DEFAULT now(),
  sent_at     timestamptz,
  closed_at   timestamptz,
  CHECK (source_id <> target_id),
  UNIQUE (shop_id, id),
  UNIQUE (shop_id, number),
  FOREIGN KEY (shop_id, source_id) REFERENCES stock.location (shop_id, id),
  FOREIGN KEY (shop_id, target_id) REFERENCES stock.location (shop_id, id)
);
CREATE INDEX transfer_of_shop ON stock_control.transfer (shop_id, state, id DESC);

-- `sent` = in transit + received + lost + damaged + miscounted; `found` came beyond what was sent.
CREATE TABLE stock_control.transfer_line (
  transfer_id bigint NOT NULL,
  variant_id  bigint NOT NULL,
  shop_id     bigint NOT NULL,
  asked       int NOT NULL CHECK (asked BETWEEN 1 AND 1000000),
  sent        int NOT NULL DEFAULT 0,
  received    int NOT NULL DEFAULT 0,
  lost        int NOT NULL DEFAULT 0,
  damaged     int NOT NULL DEFAULT 0,
  miscounted  int NOT NULL DEFAULT 0,
  found       int NOT NULL DEFAULT 0,
  PRIMARY KEY (transfer_id, variant_id),
  CHECK (least(sent, received, lost, damaged, miscounted, found) >= 0),
  CHECK (received + lost + damaged + miscounted <= sent),
  FOREIGN KEY (shop_id, transfer_id) REFERENCES stock_control.transfer (shop_id, id)
);

-- What was done to a transfer, once per key.
CREATE TABLE stock_control.transfer_step (
  shop_id     bigint NOT NULL,
  key         uuid NOT NULL,
  transfer_id bigint NOT NULL,
  kind        text NOT NULL,
  content     jsonb NOT NULL,
  person_id   bigint,
  at          timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (shop_id, key),
  FOREIGN KEY (shop_id, transfer_id) REFERENCES stock_control.transfer (shop_id, id)
);
CREATE INDEX step_of_transfer ON stock_control.transfer_step (transfer_id, at);

-- A count of a location.  `posting`: decided, and lines are being set.
CREATE TABLE stock_control.count (
  id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  shop_id     bigint NOT NULL,
  number      int NOT NULL,
  location_id bigint NOT NULL,
  name        text NOT NULL DEFAULT '',
  is_blind    boolean NOT NULL DEFAULT false,
  state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'posting', 'posted', 'cancelled')),
  reason      text NOT NULL DEFAULT '',
  person_id   bigint,
  created_at  timestamptz NOT NULL DEFAULT now(),
  posted_at   timestamptz,
  UNIQUE (shop_id, id),
  UNIQUE (shop_id, number),
  FOREIGN KEY (shop_id, location_id) REFERENCES stock.location (shop_id, id)
);
CREATE INDEX count_of_shop ON stock_control.count (shop_id, state, id DESC);
CREATE INDEX count_posting ON stock_control.count (id) WHERE state = 'posting';

-- `seen`: what the books said when the line's first unit was counted in this `round`; `late`: units the books learn of
-- later that had left (or, negative, come back) before; `moved`: the books changed between the first and the last scan,
-- so nobody knows on which side of the counter those units were.  `applied`: what the count changed.
CREATE TABLE stock_control.count_line (
  count_id   bigint NOT NULL,
  variant_id bigint NOT NULL,
  shop_id    bigint NOT NULL,
  round      int NOT NULL DEFAULT 1,
  seen       int,
  counted    int CHECK (counted BETWEEN 0 AND 1000000),
  late       int NOT NULL DEFAULT 0,
  first_at   timestamptz,
  last_at    timestamptz,
  moved      boolean NOT NULL DEFAULT false,
  left_out   boolean NOT NULL DEFAULT false,
  applied    int,
  person_id  bigint,
  PRIMARY KEY (count_id, variant_id),
  CHECK ((counted IS NULL) = (seen IS NULL) AND (counted IS NULL) = (first_at IS NULL)),
  FOREIGN KEY (shop_id, count_id) REFERENCES stock_control.count (shop_id, id)
);
CREATE INDEX line_of_variant ON stock_control.count_line (variant_id, count_id);

-- What was scanned or typed, once per key.
CREATE TABLE stock_control.count_entry (
  shop_id    bigint NOT NULL,
  key        uuid NOT NULL,
  count_id   bigint NOT NULL,
  variant_id bigint NOT NULL,
  round      int NOT NULL,
  units      int NOT NULL,
  person_id  bigint,
  at         timestamptz NOT NULL,
  PRIMARY KEY (shop_id, key),
  FOREIGN KEY (shop_id, count_id) REFERENCES stock_control.count (shop_id, id)
);
CREATE INDEX entry_of_count ON stock_control.count_entry (count_id, at);
