"""How the files of a source become one table; no sample of rows decides for all of them."""
