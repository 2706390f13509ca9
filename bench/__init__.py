"""Benchmarks that print ratios of two things measured in one run; absolute times move between machines."""

from __future__ import annotations

import datetime as dt

NOW = dt.datetime(2026, 11, 1, 8, tzinfo=dt.UTC)
