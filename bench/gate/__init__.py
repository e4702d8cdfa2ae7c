"""Whether a run shows a regression, as an exit status and in words."""
