-- A second factor at sign-in.  `sealed` holds the secret of the codes, readable with the key of this version; `last_step`
-- is the half minute of the last code that was accepted, so that none is accepted twice.
CREATE TABLE accounts.second_factor (
    person_id   bigint PRIMARY KEY REFERENCES accounts.person (id),
    key_version int NOT NULL REFERENCES accounts.secret (version),
    sealed      bytea NOT NULL,
    last_step   bigint NOT NULL,
    made_at     timestamptz NOT NULL DEFAULT now()
);

-- Each is good once, in place of a code.
CREATE TABLE accounts.recovery_code (
    person_id bigint NOT NULL REFERENCES accounts.person (id),
    code_hash bytea NOT NULL CHECK (length(code_hash) = 32),
    PRIMARY KEY (person_id, code_hash)
);

-- Sign-ins whose password was right and whose code is still to come.
CREATE TABLE accounts.sign_in_challenge (
    token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    person_id  bigint NOT NULL REFERENCES accounts.person (id),
    expires_at timestamptz NOT NULL
);
CREATE INDEX sign_in_challenge_person ON accounts.sign_in_challenge (person_id);
