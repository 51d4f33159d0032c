-- What a buyer shows of a fault: pictures by the hash of what was uploaded, as the pictures of products are kept.
CREATE TABLE returns.picture (
  shop_id   bigint NOT NULL,
  return_id uuid NOT NULL,
  position  int NOT NULL,
  sha256    text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  PRIMARY KEY (return_id, position),
  FOREIGN KEY (shop_id, return_id) REFERENCES returns.return (shop_id, id)
);
