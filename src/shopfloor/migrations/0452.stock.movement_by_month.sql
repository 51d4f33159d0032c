-- Names alone change hands: no row is read or moved.
DO $$ BEGIN PERFORM kernel.cut('stock', 'movement', 'at'); END $$;

-- Months of the journal that were closed: their balances stand in the next month as movements of the kind `carried`,
-- and their rows in a file.  `balances` is the hash of what was carried forward.
CREATE TABLE stock.closed_month (
    name      text PRIMARY KEY,
    until     timestamptz NOT NULL,
    file      text NOT NULL,
    sha256    text NOT NULL,
    movements bigint NOT NULL,
    balances  text NOT NULL,
    closed_at timestamptz NOT NULL DEFAULT now()
);
