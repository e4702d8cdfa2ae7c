"""Which architecture runs on which stack, and whether each stack computes the model that it was given."""
