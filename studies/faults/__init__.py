"""What is left of a run whose harness was killed: nothing that was committed is lost, and ``--resume`` completes it."""
