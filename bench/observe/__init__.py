"""What the harness process sees of the machine and of a worker from outside."""
