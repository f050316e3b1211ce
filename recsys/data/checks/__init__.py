"""What is odd about a prepared log, and how far it is from another one; limits that refuse it."""
