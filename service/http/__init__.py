"""HTTP: keys, transactions, uploads, idempotency, pages, formats and the middleware around every request."""
