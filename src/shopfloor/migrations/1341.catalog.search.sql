-- What a product is found by: words, their stems, Chinese from each character on, and its pinyin (catalog.searching).
-- NULL: still to be made.
ALTER TABLE catalog.product ADD COLUMN search tsvector;

-- The previous release changes texts and knows nothing of this column: what it leaves behind is made anew.
CREATE FUNCTION catalog.forget_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.title, NEW.titles, NEW.vendor, NEW.product_type, NEW.tags, NEW.option_texts)
       IS DISTINCT FROM (OLD.title, OLD.titles, OLD.vendor, OLD.product_type, OLD.tags, OLD.option_texts)
       AND NEW.search IS NOT DISTINCT FROM OLD.search THEN
        NEW.search := NULL;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER forget_search BEFORE UPDATE OF title, titles, vendor, product_type, tags, option_texts
    ON catalog.product FOR EACH ROW EXECUTE FUNCTION catalog.forget_search();
