"""The shortest loop that each stack allows, to hold the worker's against; one module per adapter, of the same name.

Each has ``bare_loop(session, prompt, new_tokens) -> (submitted, first, last)``: three stamps of
:func:`time.perf_counter_ns`, taken around the stack's own API, on the model that ``session`` has loaded.
"""
