-- The one order in which levels are locked: `ORDER BY stock.lock_rank(pool_id), pool_id DESC, id`.  What others may
-- borrow from, the open pools, comes last: who finds the own pool short goes on to its lender without going back.
CREATE FUNCTION stock.lock_rank(pool bigint) RETURNS int
LANGUAGE sql STABLE
AS $$ SELECT CASE WHEN kind = 'open' THEN 1 ELSE 0 END FROM stock.pool WHERE id = $1 $$;
