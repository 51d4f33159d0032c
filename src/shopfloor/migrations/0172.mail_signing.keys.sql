CREATE SCHEMA mail_signing;

-- A shop's key to sign mail of a domain with, and whether mail is signed with it.
CREATE TABLE mail_signing.key (
  shop_id    bigint NOT NULL REFERENCES accounts.shop (id),
  domain     text NOT NULL CHECK (length(domain) BETWEEN 1 AND 253),
  selector   text NOT NULL CHECK (length(selector) BETWEEN 1 AND 63),
  public_key text NOT NULL CHECK (length(public_key) BETWEEN 1 AND 2000),
  sealed     bytea NOT NULL,
  signs      boolean NOT NULL DEFAULT false,
  made_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (shop_id, domain)
);
