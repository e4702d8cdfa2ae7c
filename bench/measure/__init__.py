"""Cells in; workers driven, generations out."""
