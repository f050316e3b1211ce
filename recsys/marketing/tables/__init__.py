"""Small tables that a marketer brings."""
