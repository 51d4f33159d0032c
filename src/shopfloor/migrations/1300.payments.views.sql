-- For the modules that stand above payments: what they read of one another.
CREATE OR REPLACE VIEW payments.v_payment AS
  SELECT id, subject_id, purpose, provider, method, amount_minor, currency, created_at, shop_id, state, connection_id,
         look_at
    FROM payments.payment;
CREATE OR REPLACE VIEW payments.v_authorisation AS
  SELECT a.payment_id, a.shop_id, p.subject_id, a.amount_minor, a.capture_before, a.ended,
         a.ended_at, a.wanted, a.next_at
    FROM payments.authorisation a JOIN payments.payment p ON p.id = a.payment_id;
CREATE VIEW payments.v_refund_try AS
  SELECT refund, payment_id, shop_id, amount_minor, state, reason FROM payments.refund_try;
