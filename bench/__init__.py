"""Benchmarks that print ratios of two things measured in one run; absolute times move between machines."""
