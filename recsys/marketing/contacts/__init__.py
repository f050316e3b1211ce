"""How users can be reached: the table of their contact details, and the one spelling of each."""
