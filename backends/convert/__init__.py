"""Converters: what runs inside the conversion venv, one file per kind of result, one request per process."""
