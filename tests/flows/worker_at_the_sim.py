"""Settings of a worker that speaks to the fake Stripe of its test: `tests.settings` takes such variables away."""

from __future__ import annotations

import os

from tests.settings import *  # noqa: F403

STRIPE_API_BASE = os.environ["FLOW_STRIPE_API_BASE"]
STRIPE_API_KEY = STRIPE_TEST_SECRET_KEY = os.environ["FLOW_STRIPE_API_KEY"]
