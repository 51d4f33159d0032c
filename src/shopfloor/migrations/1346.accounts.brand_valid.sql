ALTER TABLE accounts.shop VALIDATE CONSTRAINT shop_brand;
