-- What the names and values of a product's options are called in other languages: {locale: {"Size": "尺码"}}.
ALTER TABLE catalog.product ADD COLUMN option_texts jsonb NOT NULL DEFAULT '{}';
ALTER TABLE catalog.product ADD CONSTRAINT product_option_texts CHECK (jsonb_typeof(option_texts) = 'object') NOT VALID;
