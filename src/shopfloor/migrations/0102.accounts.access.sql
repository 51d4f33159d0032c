-- One-time links with which a person sets a new password.
CREATE TABLE accounts.password_reset (
    token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    person_id  bigint NOT NULL REFERENCES accounts.person (id),
    made_by    bigint REFERENCES accounts.person (id),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX password_reset_person ON accounts.password_reset (person_id);

-- What the browser called itself at sign-in, for the list a person looks through.
ALTER TABLE accounts.session ADD COLUMN device text NOT NULL DEFAULT '';
