"""Master pointing records: tables of them, the local cache, JSOC, and the sources that a recipe can name."""
