"""What training reads, epoch by epoch: NumPy alone."""
