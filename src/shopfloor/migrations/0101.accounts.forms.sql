-- A form that was carried out, and where its answer stands, so that the same form sent again is answered and not
-- carried out again.  `sealed` is what was shown once (a link, a key), readable only with the session that made it.
CREATE TABLE accounts.form_answer (
    key       bytea PRIMARY KEY CHECK (length(key) = 32),
    person_id bigint NOT NULL REFERENCES accounts.person (id),
    location  text,
    sealed    bytea,
    made_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX form_answer_age ON accounts.form_answer (made_at);
