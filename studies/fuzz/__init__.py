"""Readers of what comes from strangers, under a fuzzer that is guided by what they run (Linux only)."""
