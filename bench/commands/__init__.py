"""The commands beside the sweep: one argument parser and one call each."""
