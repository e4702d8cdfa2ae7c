"""What rendering a large report costs. A study that prints figures beside their goals, and passes or fails nothing."""
