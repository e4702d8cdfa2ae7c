"""Whether warm-ups of a few tokens bias what is timed after them."""
