"""The kinds of features of users and events: how the served model makes the array of raw values."""
