"""Experiments about the project itself: what its intervals are worth, what its harness costs."""
