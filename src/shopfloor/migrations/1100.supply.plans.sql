-- Suppliers and quotes, plans, purchase orders.
CREATE SCHEMA supply;

CREATE TABLE supply.supplier (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id           bigint NOT NULL REFERENCES accounts.shop (id),
    name              text NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    email             text NOT NULL DEFAULT '' CHECK (length(email) <= 254),
    locale            text NOT NULL DEFAULT 'en',
    capacity_per_week int CHECK (capacity_per_week BETWEEN 1 AND 100000000),
    active            boolean NOT NULL DEFAULT true,
    UNIQUE (shop_id, name),
    UNIQUE (shop_id, id)
);

-- Tiers are two arrays of the same length: where each starts, and what a unit costs in it.
CREATE TABLE supply.quote (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id        bigint NOT NULL,
    supplier_id    bigint NOT NULL,
    product_id     bigint NOT NULL,
    currency       text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    minimums       int[] NOT NULL CHECK (cardinality(minimums) BETWEEN 1 AND 20),
    prices         bigint[] NOT NULL,
    lead_days      int NOT NULL CHECK (lead_days BETWEEN 0 AND 730),
    late_days      int NOT NULL CHECK (late_days BETWEEN 0 AND 730),
    lot            int NOT NULL CHECK (lot BETWEEN 1 AND 1000000),
    colour_minimum int NOT NULL CHECK (colour_minimum BETWEEN 0 AND 1000000),
    colour_option  text NOT NULL,
    capacity_use   int NOT NULL CHECK (capacity_use BETWEEN 1 AND 1000000),
    setup_minor    bigint NOT NULL CHECK (setup_minor BETWEEN 0 AND 1000000000000),
    valid_from     date,
    valid_until    date,
    withdrawn_at   timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (shop_id, supplier_id) REFERENCES supply.supplier (shop_id, id),
    FOREIGN KEY (shop_id, product_id) REFERENCES catalog.product (shop_id, id),
    CHECK (cardinality(minimums) = cardinality(prices)),
    CHECK (0 < ALL (minimums) AND 0 < ALL (prices)),
    CHECK (valid_from <= valid_until)
);
CREATE INDEX quote_of_shop ON supply.quote (shop_id, product_id) WHERE withdrawn_at IS NULL;

-- A plan with all that is needed to check it: `problem` is the input it was solved for, named by `digest`.
CREATE TABLE supply.plan (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id        bigint NOT NULL REFERENCES accounts.shop (id),
    show_id        bigint NOT NULL,
    version        int NOT NULL CHECK (version > 0),
    state          text NOT NULL CHECK (state IN ('proposed', 'accepted', 'replaced')),
    as_of          timestamptz NOT NULL,
    forecast_id    bigint NOT NULL REFERENCES demand.forecast (id),
    location_id    bigint NOT NULL,
    needed_by      date NOT NULL,
    currency       text NOT NULL,
    scale          int NOT NULL CHECK (scale > 0),
    cost_scaled    bigint NOT NULL,
    bound_scaled   bigint NOT NULL,
    purchase_minor bigint NOT NULL CHECK (purchase_minor >= 0),
    lost_scaled    bigint NOT NULL CHECK (lost_scaled >= 0),
    left_scaled    bigint NOT NULL CHECK (left_scaled >= 0),
    revenue_scaled bigint NOT NULL,
    digest         text NOT NULL,
    problem        jsonb NOT NULL,
    solver         text NOT NULL,
    seconds        double precision NOT NULL,
    remarks        jsonb NOT NULL,
    UNIQUE (show_id, version),
    CHECK (bound_scaled <= cost_scaled)
);
CREATE INDEX plan_of_shop ON supply.plan (shop_id, as_of DESC);

CREATE TABLE supply.plan_line (
    plan_id      bigint NOT NULL REFERENCES supply.plan,
    quote_id     bigint NOT NULL REFERENCES supply.quote,
    supplier_id  bigint NOT NULL REFERENCES supply.supplier (id),
    product_id   bigint NOT NULL,
    variant_id   bigint NOT NULL,
    quantity     int NOT NULL CHECK (quantity > 0),
    unit_minor   bigint NOT NULL CHECK (unit_minor > 0),
    setup_minor  bigint NOT NULL CHECK (setup_minor >= 0),
    expected_on  date NOT NULL,
    available    int NOT NULL,
    hard         int NOT NULL,
    mean         double precision NOT NULL,
    low          int NOT NULL,
    high         int NOT NULL,
    identifiable boolean NOT NULL,
    PRIMARY KEY (plan_id, quote_id, variant_id)
);

CREATE TABLE supply.purchase_order (
    id          uuid PRIMARY KEY,
    serial      bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    shop_id     bigint NOT NULL,
    supplier_id bigint NOT NULL,
    plan_id     bigint REFERENCES supply.plan,
    show_id     bigint,
    location_id bigint NOT NULL,
    state       text NOT NULL CHECK (state IN ('draft', 'sent', 'confirmed', 'partially', 'declined', 'received')),
    currency    text NOT NULL,
    setup_minor bigint NOT NULL CHECK (setup_minor >= 0),
    cost_minor  bigint NOT NULL CHECK (cost_minor >= 0),
    created_at  timestamptz NOT NULL,
    sent_at     timestamptz,
    answered_at timestamptz,
    received_at timestamptz,
    FOREIGN KEY (shop_id, supplier_id) REFERENCES supply.supplier (shop_id, id),
    UNIQUE (plan_id, supplier_id),
    CHECK ((state = 'draft') = (sent_at IS NULL))
);
CREATE INDEX purchase_order_of_shop ON supply.purchase_order (shop_id, created_at DESC);
CREATE INDEX purchase_order_of_supplier ON supply.purchase_order (supplier_id, created_at DESC);

-- `owed` units of a line are for buyers who bought them as makeable: they never become a lot of their own.
CREATE TABLE supply.purchase_line (
    order_id     uuid NOT NULL REFERENCES supply.purchase_order,
    position     int NOT NULL,
    product_id   bigint NOT NULL,
    variant_id   bigint NOT NULL,
    quantity     int NOT NULL CHECK (quantity > 0),
    unit_minor   bigint NOT NULL CHECK (unit_minor > 0),
    capacity_use int NOT NULL CHECK (capacity_use > 0),
    owed         int NOT NULL DEFAULT 0,
    expected_on  date NOT NULL,
    confirmed    int,
    ready_on     date,
    received     int NOT NULL DEFAULT 0 CHECK (received >= 0),
    PRIMARY KEY (order_id, variant_id),
    CHECK (confirmed BETWEEN 0 AND quantity),
    CHECK (owed BETWEEN 0 AND quantity),
    CHECK (confirmed IS NULL OR confirmed = 0 OR ready_on IS NOT NULL)
);
