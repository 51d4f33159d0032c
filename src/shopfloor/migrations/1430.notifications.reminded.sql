-- Of which due date an order was reminded, for who decides whom to remind.
CREATE VIEW notifications.v_reminded AS
SELECT order_id, facts->>'due_at' AS due_at
  FROM notifications.notice
 WHERE kind = 'pay_reminder' AND again_by IS NULL;
