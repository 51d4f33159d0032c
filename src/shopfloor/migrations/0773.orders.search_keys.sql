-- The pieces that what is looked for must have: its first and its last ones.  The end of an address is everybody's, and
-- reading the orders of all pieces in between takes longer than looking at the few that are left.
CREATE OR REPLACE FUNCTION orders.search_keys(shop bigint, wanted text) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
  SELECT array_agg(DISTINCT hashtextextended(substr(lower(wanted), at, least(3, length(lower(wanted)))), shop))
    FROM generate_series(1, greatest(1, length(lower(wanted)) - 2)) AS a (at)
   WHERE at <= 4 OR at > length(lower(wanted)) - 6
$$;
