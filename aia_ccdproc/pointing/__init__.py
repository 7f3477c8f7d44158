"""Master pointing records: table, cache, JSOC, sources."""
