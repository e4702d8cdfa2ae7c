"""What large runs cost: whether the harness grows with what it has measured, and how long all else takes."""
