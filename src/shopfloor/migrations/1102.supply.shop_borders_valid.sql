-- Rows from before are looked at in a transaction of its own, which keeps nobody from writing.
ALTER TABLE supply.plan VALIDATE CONSTRAINT plan_show_in_shop;
ALTER TABLE supply.plan VALIDATE CONSTRAINT plan_forecast_in_shop;
ALTER TABLE supply.plan VALIDATE CONSTRAINT plan_location_in_shop;
ALTER TABLE supply.purchase_order VALIDATE CONSTRAINT purchase_order_plan_in_shop;
ALTER TABLE supply.purchase_order VALIDATE CONSTRAINT purchase_order_show_in_shop;
ALTER TABLE supply.purchase_order VALIDATE CONSTRAINT purchase_order_location_in_shop;
