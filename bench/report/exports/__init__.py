"""What lies beside the page: the same figures as files that other programs read."""
