"""What a stream of events sets off, answered by the exported model."""
