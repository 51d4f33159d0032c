-- The mail about a shop's week: the weeks of which it was told, and the members who want none.
-- `week` is its Monday in the shop's zone; `readers` how many were told.
CREATE TABLE notifications.weekly (
  shop_id bigint NOT NULL REFERENCES accounts.shop (id),
  week    date NOT NULL,
  readers int NOT NULL,
  told_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (shop_id, week)
);
CREATE TABLE notifications.weekly_off (
  shop_id   bigint NOT NULL REFERENCES accounts.shop (id),
  person_id bigint NOT NULL REFERENCES accounts.person (id),
  off_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (shop_id, person_id)
);
