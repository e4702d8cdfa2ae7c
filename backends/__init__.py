"""What runs outside the harness: one adapter per inference stack, the worker that times them, and the converters.

Everything here needs only the standard library plus the one stack of the venv that it is started in. Nothing here
imports ``bench``.
"""
