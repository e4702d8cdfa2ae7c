"""What settings that trade quality for speed cost and buy."""
