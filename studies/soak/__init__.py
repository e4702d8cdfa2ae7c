"""A real stack measured for a long time: whether anything in the harness, or in a worker that lives long, grows."""
