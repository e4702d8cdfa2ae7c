"""What the machines of a fleet measured, side by side: a page, Markdown, CSV and JSON."""
