-- Facts recorded inside a statement of another module: for paths where a statement of their own costs too much.
CREATE FUNCTION kernel.record(fact_id uuid, shop_id bigint, name text, body json) RETURNS void
LANGUAGE sql VOLATILE
AS $$ INSERT INTO kernel.outbox (fact_id, shop_id, name, body) VALUES ($1, $2, $3, $4) $$;
