"""Settings of the server that benchmarks post to: the site as it is, beside what it is measured against."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403

ROOT_URLCONF = "bench.urls"
STRIPE_API_BASE = os.environ["BENCH_STRIPE_API_BASE"]
STRIPE_API_KEY = STRIPE_TEST_SECRET_KEY = os.environ["BENCH_STRIPE_API_KEY"]
STRIPE_WEBHOOK_SECRETS = [os.environ["BENCH_STRIPE_WEBHOOK_SECRET"]]
