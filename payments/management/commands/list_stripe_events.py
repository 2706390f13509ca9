"""`manage.py list_stripe_events`: read Stripe's list of events now, as a job does every hour."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from billing_site.kit.errors import Refused
from payments.stripe.gateway import StripeRefused, StripeUnreachable, gateway_from_settings
from payments.stripe.listing_events import list_missing_events, sound_alarm


class Command(BaseCommand):
    help = "Put what no webhook brought into the inbox, from Stripe's own list of events; a worker applies it."

    def handle(self, **_: Any) -> None:
        now = timezone.now()
        if not settings.STRIPE_API_KEY:
            raise CommandError("There is no list to read: set STRIPE_API_KEY to a key that may read events.")
        try:
            self.stdout.write(f"{list_missing_events(gateway=gateway_from_settings(), now=now)}.")
            sound_alarm(now=now)
        except (StripeUnreachable, StripeRefused, Refused) as trouble:
            raise CommandError(str(trouble)) from trouble
