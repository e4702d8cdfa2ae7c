"""Packages with the surface of libraries that cannot be installed here, for workers of the contract suite alone."""
