-- transactional: false
-- As customers.search_text says it now.  Outside of a transaction, as the first line says.
REINDEX INDEX CONCURRENTLY customers.customer_by_pieces;
