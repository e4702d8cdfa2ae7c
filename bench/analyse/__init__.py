"""Recorded generations in; estimates with intervals, and what may be said of them, out."""
