-- Names and addresses with capitals of any alphabet, and with signs of full width, are found as the others: as orders are.
CREATE OR REPLACE FUNCTION customers.search_text(name text, email text, phone text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT orders.search_folded(name || E'\n' || email || E'\n' || phone) $$;
