-- What of a show's figures is not what it seems: cases, what they are about, and what people decided.
CREATE SCHEMA integrity;

CREATE FUNCTION integrity.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'what happened in a case is appended, never changed';
END $$;

-- Where an order came from, as far as the checkout saw it: a salted key of the network (kernel.network), and whether
-- the browser was signed in to this shop's console.
CREATE TABLE integrity.origin (
  order_id uuid PRIMARY KEY,
  shop_id  bigint NOT NULL,
  network  bigint,
  staff    boolean NOT NULL,
  noted_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX origin_noted ON integrity.origin (noted_at);

-- `tagged`: counted as invalid until somebody decides otherwise; a case that is only raised waits for a person.
-- `lifted`: what had been noticed is no longer there.
CREATE TABLE integrity.cases (
  id          uuid PRIMARY KEY,
  shop_id     bigint NOT NULL REFERENCES accounts.shop (id),
  show_id     bigint NOT NULL,
  subject     text NOT NULL CHECK (subject IN ('orders', 'viewers')),
  class       text NOT NULL CHECK (class IN ('general', 'sophisticated')),
  reasons     text[] NOT NULL CHECK (cardinality(reasons) > 0),
  facts       jsonb NOT NULL,
  state       text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'lifted', 'invalid', 'genuine')),
  tagged      boolean NOT NULL,
  policy      text NOT NULL CHECK (length(policy) BETWEEN 1 AND 40),
  raised_at   timestamptz NOT NULL,
  looked_at   timestamptz NOT NULL,
  ruled_at    timestamptz,
  appealed_at timestamptz,
  UNIQUE (shop_id, id),
  CHECK ((ruled_at IS NULL) = (state IN ('open', 'lifted')))
);
CREATE INDEX cases_of_shop ON integrity.cases (shop_id, id DESC);
CREATE INDEX cases_of_show ON integrity.cases (show_id);

CREATE TABLE integrity.order_line (
  case_id  uuid NOT NULL,
  line_id  bigint NOT NULL,
  shop_id  bigint NOT NULL,
  order_id uuid NOT NULL,
  PRIMARY KEY (case_id, line_id),
  FOREIGN KEY (shop_id, case_id) REFERENCES integrity.cases (shop_id, id)
);
CREATE INDEX order_line_of_order ON integrity.order_line (order_id);

CREATE TABLE integrity.viewer (
  case_id uuid NOT NULL,
  shopper uuid NOT NULL,
  shop_id bigint NOT NULL,
  PRIMARY KEY (case_id, shopper),
  FOREIGN KEY (shop_id, case_id) REFERENCES integrity.cases (shop_id, id)
);
CREATE INDEX viewer_by_shopper ON integrity.viewer (shop_id, shopper);

CREATE TABLE integrity.entry (
  id        uuid PRIMARY KEY,
  shop_id   bigint NOT NULL,
  case_id   uuid NOT NULL,
  kind      text NOT NULL CHECK (kind IN ('raised', 'tagged', 'untagged', 'lifted', 'reopened', 'invalid', 'genuine', 'open',
                                          'appealed')),
  note      text NOT NULL DEFAULT '' CHECK (length(note) <= 2000),
  person_id bigint,
  at        timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (shop_id, case_id) REFERENCES integrity.cases (shop_id, id)
);
CREATE INDEX entry_of_case ON integrity.entry (case_id, id);
CREATE TRIGGER entry_is_append_only BEFORE UPDATE OR DELETE ON integrity.entry
  FOR EACH ROW EXECUTE FUNCTION integrity.refuse_change();

-- One row per version; a version is never changed.  `figures`: id → [gross, general invalid, sophisticated invalid].
CREATE TABLE integrity.judgement (
  id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  shop_id  bigint NOT NULL REFERENCES accounts.shop (id),
  show_id  bigint NOT NULL,
  version  int NOT NULL CHECK (version > 0),
  policy   text NOT NULL,
  as_of    timestamptz NOT NULL,
  currency text,
  figures  jsonb NOT NULL,
  UNIQUE (show_id, version)
);
CREATE TRIGGER judgement_is_append_only BEFORE UPDATE OR DELETE ON integrity.judgement
  FOR EACH ROW EXECUTE FUNCTION integrity.refuse_change();

-- When a show was looked at last, and when one that is over is looked at again: what buyers keep is known only later.
CREATE TABLE integrity.look (
  show_id   bigint PRIMARY KEY,
  shop_id   bigint NOT NULL,
  looked_at timestamptz NOT NULL,
  look_at   timestamptz
);
CREATE INDEX look_due ON integrity.look (look_at) WHERE look_at IS NOT NULL;

-- For the modules above: lines whose money should wait, and the case that says so.
CREATE VIEW integrity.v_held_back AS
SELECT DISTINCT ON (l.shop_id, l.line_id) l.shop_id, c.show_id, l.order_id, l.line_id, l.case_id, c.state
  FROM integrity.order_line l JOIN integrity.cases c ON c.id = l.case_id
 WHERE c.state <> 'lifted'
 ORDER BY l.shop_id, l.line_id, c.ruled_at DESC NULLS LAST, c.tagged DESC, c.id;
