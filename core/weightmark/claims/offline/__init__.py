"""What is signed for places without a network: licence files, status lists, chains of use."""
