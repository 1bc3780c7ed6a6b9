"""What was typed, and where each message stands on its way to the server."""
