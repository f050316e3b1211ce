"""What users will do: predicted, tested, explained."""
