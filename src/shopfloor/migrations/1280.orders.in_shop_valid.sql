-- Rows from before are looked at, which keeps nobody from writing.  One that is not as its key says stops no upgrade:
-- the key holds for what is written from now on, a warning names it, and `shopfloor audit` the row.
DO $$
DECLARE
    of_table regclass;
    named name;
BEGIN
    FOR of_table, named IN
        SELECT conrelid, conname FROM pg_constraint
         WHERE NOT convalidated
           AND (conrelid, conname) IN (
                 ('backoffice.note'::regclass, 'note_order_in_shop'),
                 ('catalog.picture_source'::regclass, 'picture_source_state'),
                 ('catalog.product'::regclass, 'product_option_texts'),
                 ('catalog.variant'::regclass, 'variant_compare_at'),
                 ('customers.order_of'::regclass, 'order_of_order_in_shop'),
                 ('fapiao.code'::regclass, 'code_order_in_shop'),
                 ('fapiao.request'::regclass, 'request_order_in_shop'),
                 ('notifications.notice'::regclass, 'notice_order_in_shop'),
                 ('notifications.sms_wanted'::regclass, 'sms_wanted_order_in_shop'),
                 ('order_edits.edit'::regclass, 'edit_order_in_shop'),
                 ('returns.exchange'::regclass, 'exchange_order_in_shop'),
                 ('returns."return"'::regclass, 'return_order_in_shop'),
                 ('returns.units'::regclass, 'units_order_in_shop'))
         ORDER BY conrelid, conname
    LOOP
        BEGIN
            EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', of_table, named);
        EXCEPTION WHEN foreign_key_violation OR check_violation THEN
            RAISE WARNING '% of % holds for new rows only: %', named, of_table, SQLERRM;
        END;
    END LOOP;
END $$;
