"""How the files of a source become one table; no sample decides over all rows."""
