-- Of how many days before a reduction the lowest price is shown; null: what is usual in the shop's country.
ALTER TABLE pricing.tax_settings ADD COLUMN reference_days int CHECK (reference_days BETWEEN 1 AND 365);
