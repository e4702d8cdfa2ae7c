"""One command at the desk for many machines: Dask distributed brings a run's command to each, and its files back."""
