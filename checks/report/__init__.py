"""What people read: terminal output, the ticket for a network team, the page of a cause as plain text."""
