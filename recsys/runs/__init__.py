"""A run: its folder, claimed and tracked, its console and its summary."""
