-- The plain text of descriptions, made once when they are written.  NULL: still to be made.
ALTER TABLE catalog.product ADD COLUMN plain text;
ALTER TABLE catalog.product ADD COLUMN plains jsonb;

-- The previous release changes descriptions and knows nothing of these columns: what it leaves behind is made anew.
CREATE FUNCTION catalog.forget_plain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.description IS DISTINCT FROM OLD.description AND NEW.plain IS NOT DISTINCT FROM OLD.plain THEN
        NEW.plain := NULL;
    END IF;
    IF NEW.descriptions IS DISTINCT FROM OLD.descriptions AND NEW.plains IS NOT DISTINCT FROM OLD.plains THEN
        NEW.plains := NULL;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER forget_plain BEFORE UPDATE OF description, descriptions ON catalog.product
    FOR EACH ROW EXECUTE FUNCTION catalog.forget_plain();
