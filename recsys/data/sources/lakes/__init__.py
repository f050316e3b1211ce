"""Tables of a lake: Delta and Iceberg, whose files are told apart by a log of versions."""
