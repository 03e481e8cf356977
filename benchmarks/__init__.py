"""Benchmarks of the real product and of the floor beneath it; run ``python -m benchmarks``."""
