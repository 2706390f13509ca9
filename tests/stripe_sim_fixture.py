"""The fixture `stripe_sim`: a fake Stripe over real HTTP, for tests that speak to Stripe.

`stripe_sim` is the company (`payments.stripe.sim.Sim`) with `.url`, where it is served; `stripe_sim.api.requests` lists
what was asked. Where Django is configured, the settings point at it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from payments.stripe.sim import Sim
from payments.stripe.sim.api import Api
from payments.stripe.sim.company import API_KEY
from payments.stripe.sim.server import SimServer


class ServedSim(Sim):
    """A sim with an address."""

    url: str
    api: Api
    api_key = API_KEY


@pytest.fixture
def stripe_sim(request: pytest.FixtureRequest) -> Iterator[ServedSim]:
    """A fresh fake Stripe for one test, its clock at 2026-01-01 UTC unless verbs are told otherwise."""
    sim = ServedSim()
    with SimServer(sim) as server:
        sim.url, sim.api = server.url, server.api
        _point_settings_at(sim, request)
        yield sim


def _point_settings_at(sim: ServedSim, request: pytest.FixtureRequest) -> None:
    from django.conf import settings as django_settings

    if django_settings.configured and request.config.pluginmanager.hasplugin("django"):
        settings = request.getfixturevalue("settings")
        settings.STRIPE_API_BASE, settings.STRIPE_API_KEY = sim.url, sim.api_key
