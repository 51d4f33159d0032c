-- What was never sold, stocked or shown can be deleted, and its prices and compositions with it: of the variants
-- that this setting names, for one transaction.  Everything else of the history stays append-only.
CREATE FUNCTION catalog.is_being_deleted(variant bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(variant::text = ANY(string_to_array(current_setting('catalog.deleting', true), ',')), false)
$$;

CREATE OR REPLACE FUNCTION catalog.keep_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND catalog.is_being_deleted(OLD.variant_id) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the history of prices is append-only';
END $$;

CREATE OR REPLACE FUNCTION catalog.keep_composition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND catalog.is_being_deleted(
            (SELECT variant_id FROM catalog.bundle WHERE id = OLD.bundle_id)) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'what a bundle consists of is never changed: another composition takes its place';
END $$;
