"""What runs models for those who may ask them and not have them."""
