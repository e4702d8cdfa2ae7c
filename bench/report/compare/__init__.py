"""Two or more stored runs side by side, for a terminal, a pull request and a program."""
