"""Drawings of the pages: matplotlib and small SVG by hand, each free of what a page says around it."""
