"""All stored runs of a machine over time, for a terminal, a browser and a program."""
