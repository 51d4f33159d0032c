-- The installation's own key, for mail that goes through its own server: one for each domain it has sent from.
CREATE TABLE mail_signing.own_key (
  domain     text PRIMARY KEY CHECK (length(domain) BETWEEN 1 AND 253),
  selector   text NOT NULL CHECK (length(selector) BETWEEN 1 AND 63),
  public_key text NOT NULL CHECK (length(public_key) BETWEEN 1 AND 2000),
  sealed     bytea NOT NULL,
  signs      boolean NOT NULL DEFAULT false,
  made_at    timestamptz NOT NULL DEFAULT now()
);
