-- What a show has sold so far, kept by the facts as they enter the lake: equal to the lake's figures at every position.
CREATE SCHEMA live_counters;

CREATE TABLE live_counters.total (
    shop_id         bigint NOT NULL,
    show_id         bigint NOT NULL,
    position        bigint NOT NULL,
    as_of           timestamptz NOT NULL,
    orders_placed   bigint NOT NULL DEFAULT 0,
    orders_paid     bigint NOT NULL DEFAULT 0,
    buyers          bigint NOT NULL DEFAULT 0,
    units_held      bigint NOT NULL DEFAULT 0,
    units_paid      bigint NOT NULL DEFAULT 0,
    gmv_placed      bigint NOT NULL DEFAULT 0,
    gmv_paid        bigint NOT NULL DEFAULT 0,
    gmv_net         bigint NOT NULL DEFAULT 0,
    deposits        bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (shop_id, show_id),
    FOREIGN KEY (shop_id, show_id) REFERENCES live.show (shop_id, id)
);

CREATE TABLE live_counters.counted_order (
    shop_id         bigint NOT NULL,
    show_id         bigint NOT NULL,
    order_id        uuid NOT NULL,
    buyer           text,
    is_placed       boolean NOT NULL,
    is_paid         boolean NOT NULL,
    PRIMARY KEY (show_id, order_id),
    FOREIGN KEY (shop_id, show_id) REFERENCES live.show (shop_id, id)
);
CREATE INDEX counted_order_of_buyer ON live_counters.counted_order (show_id, buyer) WHERE is_paid;

-- `variant_id` 0: what belongs to the order as a whole.
CREATE TABLE live_counters.counted_line (
    show_id         bigint NOT NULL,
    order_id        uuid NOT NULL,
    product_id      bigint NOT NULL,
    variant_id      bigint NOT NULL,
    units           bigint NOT NULL,
    charged         bigint NOT NULL,
    cancelled       bigint NOT NULL,
    refunded        bigint NOT NULL,
    PRIMARY KEY (show_id, order_id, product_id, variant_id),
    FOREIGN KEY (show_id, order_id) REFERENCES live_counters.counted_order (show_id, order_id)
);
