"""The output for people: on a terminal, in a ticket, and as plain text."""
