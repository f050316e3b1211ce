"""What a notebook holds in its hand: the functions and classes that ``recsys`` itself offers."""
