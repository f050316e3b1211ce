"""What a message changes: power before, uplift after, policies never tried."""
