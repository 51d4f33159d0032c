-- Where an attempt stands, for the audits of the modules above.
CREATE OR REPLACE VIEW payments.v_payment AS
  SELECT id, subject_id, purpose, provider, method, amount_minor, currency, created_at, shop_id, state
    FROM payments.payment;
