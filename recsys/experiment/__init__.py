"""One experiment file, typed: its schema, reading and writing it."""
