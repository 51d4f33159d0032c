-- Purchases that were forgotten although their id does not say when it was made: never bought again.
CREATE TABLE purchases.spent (
  id uuid PRIMARY KEY,
  at timestamptz NOT NULL DEFAULT now()
);
