"""What may spoil a measurement: looked for before, during and after a run. It marks and never drops."""
