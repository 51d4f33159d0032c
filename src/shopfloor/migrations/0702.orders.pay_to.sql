-- Where buyers are told to send money: who changed it, when, from what to what, and what each owner has seen of that.
CREATE TABLE orders.pay_to_change (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  shop_id    bigint NOT NULL,
  changed_by bigint,
  before     text NOT NULL,
  after      text NOT NULL CHECK (after <> before),
  changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX pay_to_change_of_shop ON orders.pay_to_change (shop_id, id);

CREATE TABLE orders.pay_to_seen (
  shop_id   bigint NOT NULL,
  person_id bigint NOT NULL,
  change_id bigint NOT NULL,
  PRIMARY KEY (shop_id, person_id)
);

-- A trigger, because the previous release changes it too, and cannot say who does.
CREATE FUNCTION orders.record_pay_to() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO orders.pay_to_change (shop_id, changed_by, before, after)
  VALUES (NEW.shop_id, nullif(current_setting('shopfloor.person_id', true), '')::bigint,
          CASE TG_OP WHEN 'UPDATE' THEN OLD.pay_to ELSE '' END, NEW.pay_to);
  RETURN NULL;
END $$;
CREATE TRIGGER policy_records_first_pay_to AFTER INSERT ON orders.policy
  FOR EACH ROW WHEN (NEW.pay_to <> '') EXECUTE FUNCTION orders.record_pay_to();
CREATE TRIGGER policy_records_pay_to AFTER UPDATE ON orders.policy
  FOR EACH ROW WHEN (NEW.pay_to <> OLD.pay_to) EXECUTE FUNCTION orders.record_pay_to();

CREATE FUNCTION orders.keep_pay_to_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'changes of where money is sent stay on record';
END $$;
CREATE TRIGGER pay_to_change_is_append_only BEFORE UPDATE OR DELETE ON orders.pay_to_change
  FOR EACH ROW EXECUTE FUNCTION orders.keep_pay_to_changes();
