"""What is told of every event."""
