"""Estimates in; index.html, summary.md, summary.csv and summary.json out."""
