-- Who a person is, for signing in: without what proves it.
CREATE VIEW accounts.v_person AS
    SELECT id, email, name, is_operator FROM accounts.person;
