"""What is promised to users: pseudonyms, files closed to others, encryption, being forgotten."""
