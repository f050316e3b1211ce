"""What reviews say: how good an item is found, and in what mood a user is."""
