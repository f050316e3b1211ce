"""What reviews say: how good items are found, and in what mood users are."""
