"""What the functions of :mod:`recsys.marketing` give back: folders, read when they are asked."""
