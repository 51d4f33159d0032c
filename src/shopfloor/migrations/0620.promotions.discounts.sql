-- Discounts: their rules, the codes that bring them, what is left of their limits, and which order used which.
CREATE SCHEMA promotions;

-- `percent` as it was written.  `steps`: [{"from_amount": minor units, "amount": minor units}], ascending.
CREATE TABLE promotions.discount (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id          bigint NOT NULL REFERENCES accounts.shop (id),
    title            text NOT NULL CHECK (length(title) BETWEEN 1 AND 100),
    method           text NOT NULL CHECK (method IN ('automatic', 'code', 'coupon')),
    kind             text NOT NULL CHECK (kind IN ('percentage', 'amount', 'free_shipping')),
    level            text NOT NULL CHECK (level IN ('lines', 'order')),
    percent          text NOT NULL CHECK (percent ~ '^[0-9]{1,3}(\.[0-9]{1,6})?$'),
    amount_minor     bigint NOT NULL CHECK (amount_minor BETWEEN 0 AND 1000000000000),
    every_minor      bigint CHECK (every_minor BETWEEN 1 AND 1000000000000),
    steps            jsonb NOT NULL CHECK (jsonb_typeof(steps) = 'array'),
    minimum_minor    bigint NOT NULL CHECK (minimum_minor BETWEEN 0 AND 1000000000000),
    minimum_quantity int NOT NULL CHECK (minimum_quantity BETWEEN 0 AND 1000000),
    cap_minor        bigint CHECK (cap_minor BETWEEN 1 AND 1000000000000),
    show_id          bigint,
    first_order      boolean NOT NULL,
    starts_at        timestamptz,
    ends_at          timestamptz,
    priority         int NOT NULL CHECK (priority BETWEEN 0 AND 1000000),
    combines         boolean NOT NULL,
    paused           boolean NOT NULL,
    per_buyer        int CHECK (per_buyer BETWEEN 1 AND 1000000),
    currency         text NOT NULL,
    slug             text CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,59}$'),
    created_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (shop_id, id),
    FOREIGN KEY (shop_id, show_id) REFERENCES live.show (shop_id, id),
    CHECK (ends_at > starts_at),
    CHECK ((method = 'coupon') = (slug IS NOT NULL))
);
CREATE UNIQUE INDEX discount_slug ON promotions.discount (shop_id, slug) WHERE slug IS NOT NULL;
CREATE INDEX discount_of_show ON promotions.discount (shop_id, show_id) WHERE show_id IS NOT NULL;

-- The products it is about; none: all.
CREATE TABLE promotions.discount_product (
    shop_id     bigint NOT NULL,
    discount_id bigint NOT NULL,
    product_id  bigint NOT NULL,
    PRIMARY KEY (shop_id, discount_id, product_id),
    FOREIGN KEY (shop_id, discount_id) REFERENCES promotions.discount (shop_id, id),
    FOREIGN KEY (shop_id, product_id) REFERENCES catalog.product (shop_id, id)
);
CREATE INDEX discount_product_of_product ON promotions.discount_product (shop_id, product_id);

-- What was used of a discount, and how much may be: locked by whoever uses it, and the last word about its limits.
CREATE TABLE promotions.allowance (
    shop_id      bigint NOT NULL,
    discount_id  bigint PRIMARY KEY,
    most_uses    int CHECK (most_uses > 0),
    uses         int NOT NULL DEFAULT 0 CHECK (uses >= 0),
    budget_minor bigint CHECK (budget_minor BETWEEN 1 AND 1000000000000),
    spent_minor  bigint NOT NULL DEFAULT 0 CHECK (spent_minor >= 0),
    most_claims  int CHECK (most_claims > 0),
    claims       int NOT NULL DEFAULT 0 CHECK (claims >= 0),
    FOREIGN KEY (shop_id, discount_id) REFERENCES promotions.discount (shop_id, id),
    CHECK (uses <= most_uses),
    CHECK (spent_minor <= budget_minor),
    CHECK (claims <= most_claims)
);
CREATE INDEX allowance_of_shop ON promotions.allowance (shop_id);

-- `key` is the code as it is compared, `written` as it is shown.
CREATE TABLE promotions.code (
    shop_id     bigint NOT NULL,
    key         text NOT NULL CHECK (length(key) BETWEEN 1 AND 80),
    written     text NOT NULL CHECK (length(written) BETWEEN 1 AND 40),
    discount_id bigint NOT NULL,
    most_uses   int CHECK (most_uses > 0),
    uses        int NOT NULL DEFAULT 0 CHECK (uses >= 0),
    PRIMARY KEY (shop_id, key),
    FOREIGN KEY (shop_id, discount_id) REFERENCES promotions.discount (shop_id, id),
    CHECK (uses <= most_uses)
);
CREATE INDEX code_of_discount ON promotions.code (shop_id, discount_id, key);

-- A coupon that somebody claimed; `used_by` is the order that used it.
CREATE TABLE promotions.claim (
    shop_id     bigint NOT NULL,
    discount_id bigint NOT NULL,
    buyer       uuid NOT NULL,
    claimed_at  timestamptz NOT NULL DEFAULT now(),
    used_by     uuid,
    PRIMARY KEY (discount_id, buyer),
    FOREIGN KEY (shop_id, discount_id) REFERENCES promotions.discount (shop_id, id)
);
CREATE INDEX claim_of_buyer ON promotions.claim (shop_id, buyer);

-- A discount in an order.  It is given back at most once: with the time it was, it counts no more.
CREATE TABLE promotions.use (
    order_id     uuid NOT NULL,
    discount_id  bigint NOT NULL,
    shop_id      bigint NOT NULL,
    buyer        uuid NOT NULL,
    code_key     text,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    taken_at     timestamptz NOT NULL DEFAULT now(),
    returned_at  timestamptz,
    PRIMARY KEY (order_id, discount_id),
    FOREIGN KEY (shop_id, discount_id) REFERENCES promotions.discount (shop_id, id),
    FOREIGN KEY (shop_id, code_key) REFERENCES promotions.code (shop_id, key)
);
CREATE INDEX use_of_discount ON promotions.use (shop_id, discount_id, order_id DESC);
CREATE INDEX use_of_code ON promotions.use (shop_id, code_key) WHERE code_key IS NOT NULL;

-- Discounts that orders have; `counts` until the order falls.
CREATE VIEW promotions.v_use AS
SELECT order_id, discount_id, shop_id, amount_minor, returned_at IS NULL AS counts FROM promotions.use;
