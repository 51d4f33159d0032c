-- Bundles: variants that consist of other variants of the same shop.
ALTER TABLE catalog.variant ADD CONSTRAINT variant_of_shop UNIQUE (shop_id, id);

-- What a variant consists of, from `made_at` until `ended_at`.  A composition is never changed: another one takes its
-- place, and purchases go on naming the one they were made from.
CREATE TABLE catalog.bundle (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id    bigint NOT NULL,
    variant_id bigint NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at   timestamptz,
    FOREIGN KEY (shop_id, variant_id) REFERENCES catalog.variant (shop_id, id),
    UNIQUE (shop_id, id),
    CHECK (ended_at >= made_at)
);
CREATE UNIQUE INDEX bundle_in_force ON catalog.bundle (variant_id) WHERE ended_at IS NULL;

CREATE TABLE catalog.bundle_part (
    bundle_id  bigint NOT NULL,
    shop_id    bigint NOT NULL,
    variant_id bigint NOT NULL,
    quantity   int NOT NULL CHECK (quantity BETWEEN 1 AND 999),
    position   int NOT NULL CHECK (position > 0),
    PRIMARY KEY (bundle_id, variant_id),
    UNIQUE (bundle_id, position),
    FOREIGN KEY (shop_id, bundle_id) REFERENCES catalog.bundle (shop_id, id),
    FOREIGN KEY (shop_id, variant_id) REFERENCES catalog.variant (shop_id, id)
);
CREATE INDEX bundle_part_of ON catalog.bundle_part (variant_id);

-- No bundle within a bundle.  Both variants are locked, so that of two transactions that nest the two ways round
-- the later one sees the earlier.
CREATE FUNCTION catalog.refuse_nesting() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    whole bigint;
BEGIN
    SELECT variant_id INTO whole FROM catalog.bundle WHERE id = NEW.bundle_id;
    PERFORM 1 FROM catalog.variant WHERE id IN (whole, NEW.variant_id) ORDER BY id FOR NO KEY UPDATE;
    IF whole IS NULL OR whole = NEW.variant_id
       OR EXISTS (SELECT 1 FROM catalog.bundle WHERE variant_id = NEW.variant_id AND ended_at IS NULL)
       OR EXISTS (SELECT 1 FROM catalog.bundle_part p JOIN catalog.bundle b ON b.id = p.bundle_id
                   WHERE p.variant_id = whole AND b.ended_at IS NULL) THEN
        RAISE EXCEPTION 'a bundle consists of variants that are no bundles' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bundle_is_flat BEFORE INSERT ON catalog.bundle_part
    FOR EACH ROW EXECUTE FUNCTION catalog.refuse_nesting();

CREATE FUNCTION catalog.keep_composition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what a bundle consists of is never changed: another composition takes its place';
END $$;
CREATE TRIGGER composition_is_kept BEFORE UPDATE OR DELETE ON catalog.bundle_part
    FOR EACH ROW EXECUTE FUNCTION catalog.keep_composition();

CREATE VIEW catalog.v_bundle_part AS
    SELECT b.shop_id, b.id AS bundle_id, b.variant_id AS bundle_variant_id, p.variant_id, p.quantity, p.position,
           b.ended_at IS NULL AS in_force
      FROM catalog.bundle b JOIN catalog.bundle_part p ON p.bundle_id = b.id;
