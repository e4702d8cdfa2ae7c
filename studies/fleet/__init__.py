"""A fleet on this machine: what breaks in a lab, and what a desk costs that asks two hundred machines."""
