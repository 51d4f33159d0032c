-- A secret that was rolled signs beside the new one for a while, so that its receiver can change over.
ALTER TABLE webhooks.endpoint ADD COLUMN previous_secret bytea;
ALTER TABLE webhooks.endpoint ADD COLUMN previous_until timestamptz;
