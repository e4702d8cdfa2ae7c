"""Runs of many machines in one place: bringing them together, and views over them for queries."""
