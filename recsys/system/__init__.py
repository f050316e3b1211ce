"""What every room stands on: whole files, what is read and shown, the backend, signals."""
