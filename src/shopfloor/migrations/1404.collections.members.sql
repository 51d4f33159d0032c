-- What is in which collection, for the modules above.
CREATE VIEW collections.v_member AS SELECT shop_id, collection_id, product_id, position FROM collections.member;
