"""A model, a backend and a precision in; artifacts on disk and prompts as ids out."""
