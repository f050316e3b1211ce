"""Log in, dataset out."""
