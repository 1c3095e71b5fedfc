"""What reads the policies of organisations in languages other than our own."""
