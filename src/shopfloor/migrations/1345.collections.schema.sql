-- Products that belong together, in an order of their own.
CREATE SCHEMA collections;

CREATE TABLE collections.collection (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shop_id    bigint NOT NULL REFERENCES accounts.shop (id),
    handle     text NOT NULL CHECK (length(handle) BETWEEN 1 AND 255),
    title      text NOT NULL CHECK (length(title) BETWEEN 1 AND 255),
    titles     jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(titles) = 'object'),
    is_shown   boolean NOT NULL DEFAULT true,
    position   int NOT NULL CHECK (position > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (shop_id, handle),
    UNIQUE (shop_id, id)
);

CREATE TABLE collections.member (
    collection_id bigint NOT NULL,
    shop_id       bigint NOT NULL,
    product_id    bigint NOT NULL,
    position      int NOT NULL CHECK (position > 0),
    PRIMARY KEY (collection_id, product_id),
    FOREIGN KEY (shop_id, collection_id) REFERENCES collections.collection (shop_id, id) ON DELETE CASCADE,
    FOREIGN KEY (shop_id, product_id) REFERENCES catalog.product (shop_id, id) ON DELETE CASCADE
);
CREATE INDEX member_in_order ON collections.member (collection_id, position, product_id);
CREATE INDEX member_of ON collections.member (product_id);
