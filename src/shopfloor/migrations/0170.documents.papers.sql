-- Papers: numbered documents, which are kept with their bytes, and sheets that are printed to work with.
CREATE SCHEMA documents;

CREATE TABLE documents.seller (
  shop_id        bigint PRIMARY KEY REFERENCES accounts.shop (id),
  name           text NOT NULL CHECK (length(name) <= 200),
  address        text NOT NULL CHECK (length(address) <= 1000),
  tax_number     text NOT NULL CHECK (length(tax_number) <= 60),
  registration   text NOT NULL CHECK (length(registration) <= 200),
  email          text NOT NULL CHECK (length(email) <= 200),
  footer         text NOT NULL CHECK (length(footer) <= 1000),
  invoice_prefix text NOT NULL CHECK (length(invoice_prefix) <= 12),
  credit_prefix  text NOT NULL CHECK (length(credit_prefix) <= 12),
  automatic      boolean NOT NULL
);

-- The last number given, by kind and year.  Whoever takes one holds the row until the document with it is there.
CREATE TABLE documents.series (
  shop_id bigint NOT NULL REFERENCES accounts.shop (id),
  kind    text NOT NULL CHECK (kind IN ('invoice', 'credit_note')),
  year    int NOT NULL,
  last    int NOT NULL CHECK (last >= 0),
  PRIMARY KEY (shop_id, kind, year)
);

-- `content` is what stands on it, frozen with its number; `file` is made from it once and never again.
CREATE TABLE documents.document (
  id          uuid PRIMARY KEY,
  shop_id     bigint NOT NULL REFERENCES accounts.shop (id),
  kind        text NOT NULL CHECK (kind IN ('invoice', 'credit_note', 'receipt')),
  subject_id  uuid NOT NULL,
  source      uuid NOT NULL,
  year        int NOT NULL,
  serial      int CHECK (serial > 0),
  number      text NOT NULL,
  currency    text NOT NULL,
  total_minor bigint NOT NULL CHECK (total_minor >= 0),
  tax_minor   bigint NOT NULL CHECK (tax_minor BETWEEN 0 AND total_minor),
  content     jsonb NOT NULL,
  issued_at   timestamptz NOT NULL DEFAULT now(),
  file        bytea,
  sha256      bytea,
  made_at     timestamptz,
  UNIQUE (shop_id, kind, source),
  UNIQUE (shop_id, kind, year, serial),
  CHECK ((kind = 'receipt') = (serial IS NULL)),
  CHECK ((file IS NULL) = (sha256 IS NULL) AND (file IS NULL) = (made_at IS NULL))
);
CREATE INDEX document_of ON documents.document (subject_id);

CREATE TABLE documents.sheet (
  id         uuid PRIMARY KEY,
  shop_id    bigint NOT NULL REFERENCES accounts.shop (id),
  kind       text NOT NULL CHECK (kind IN ('pick_list', 'packing_slip', 'label')),
  asked      text[] NOT NULL CHECK (cardinality(asked) BETWEEN 1 AND 500),
  created_at timestamptz NOT NULL DEFAULT now(),
  file       bytea,
  made_at    timestamptz
);
CREATE INDEX sheet_age ON documents.sheet (created_at);

CREATE VIEW documents.v_document AS
  SELECT id, shop_id, kind, subject_id, source, year, serial, number, currency, total_minor, tax_minor, issued_at, made_at
    FROM documents.document;
