"""What is known of users as of a cutoff."""
