"""What the harness itself costs. A study that prints figures with intervals, and passes or fails nothing."""
