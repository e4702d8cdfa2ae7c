"""Estimates in; a page, and the same figures for people and programs beside it, out."""
