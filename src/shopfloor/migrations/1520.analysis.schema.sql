-- Who asked the lake what, in SQL, and what came of it; and the rows that were found, which go after a day.
CREATE SCHEMA analysis;

-- `line` and `col`: where in the text an error is, from 1; 0 where nobody can say.
CREATE TABLE analysis.question (
  id         uuid PRIMARY KEY,
  shop_id    bigint NOT NULL REFERENCES accounts.shop (id),
  person_id  bigint NOT NULL REFERENCES accounts.person (id),
  sql        text NOT NULL CHECK (length(sql) BETWEEN 1 AND 10000),
  days       int NOT NULL CHECK (days BETWEEN 1 AND 400),
  state      text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
  problem    text NOT NULL DEFAULT '',
  message    text NOT NULL DEFAULT '',
  line       int NOT NULL DEFAULT 0,
  col        int NOT NULL DEFAULT 0,
  rows       int NOT NULL DEFAULT 0,
  truncated  boolean NOT NULL DEFAULT false,
  events     bigint NOT NULL DEFAULT 0,
  asked_at   timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  ended_at   timestamptz,
  UNIQUE (shop_id, id)
);
CREATE INDEX question_of_shop ON analysis.question (shop_id, asked_at DESC, id);
-- One at a time for each person.
CREATE UNIQUE INDEX question_open ON analysis.question (shop_id, person_id) WHERE state IN ('waiting', 'running');

-- `content`: columns and rows as JSON, deflated; `parquet` the same rows with their types.
CREATE TABLE analysis.answer (
  question_id uuid PRIMARY KEY,
  shop_id     bigint NOT NULL,
  content     bytea NOT NULL,
  parquet     bytea NOT NULL,
  made_at     timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (shop_id, question_id) REFERENCES analysis.question (shop_id, id)
);
CREATE INDEX answer_by_age ON analysis.answer (made_at);
