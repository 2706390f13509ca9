"""`manage.py replay_stripe_events`: rebuild our rows from stored events and fetched objects, offline."""

from __future__ import annotations

import argparse
import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.models import StripeEvent, StripeObject
from payments.stripe.handled import HANDLED_EVENT_TYPES, handles
from payments.stripe.replaying import Replayed, replay


class Command(BaseCommand):
    help = (
        "Rebuild our rows from the stored Stripe events and fetched objects, without asking Stripe; say what changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="everything that is stored")
        parser.add_argument("--since", type=_day, metavar="YYYY-MM-DD", help="what was told on this day or later")
        parser.add_argument("--object", metavar="ID", help="one object of Stripe's, such as in_123")
        parser.add_argument("--type", metavar="TYPE", help="one type of event, such as invoice.paid")

    def handle(self, **options: Any) -> None:
        replayed = replay(**_chosen(options))
        self.stdout.write(_told(replayed))
        if replayed.failed:
            for stripe_id, reason in replayed.failed.items():
                self.stderr.write(f"{stripe_id}: {reason}")
            raise CommandError(f"{len(replayed.failed)} of {replayed.read} could not be booked.")


def _chosen(options: dict[str, Any]) -> dict[str, Any]:
    events, objects = StripeEvent.objects.all(), StripeObject.objects.all()
    if not any(options[name] for name in ("all", "since", "object", "type")):
        raise CommandError("Say what to replay: --all, --since, --object or --type.")
    if options["since"]:
        events, objects = (
            events.filter(stripe_created_at__gte=options["since"]),
            objects.filter(fetched_at__gte=options["since"]),
        )
    if options["object"]:
        events, objects = events.filter(object_id=options["object"]), objects.filter(stripe_id=options["object"])
        if not (events.exists() or objects.exists()):
            raise CommandError(f"Nothing is stored about {options['object']}.")
    if options["type"]:
        if not handles(options["type"]):
            raise CommandError(
                f"The books do not act on {options['type']!r}, only on: {', '.join(sorted(HANDLED_EVENT_TYPES))}."
            )
        events, objects = events.filter(type=options["type"]), objects.none()
    return {"events": events, "objects": objects}


def _told(replayed: Replayed) -> str:
    changed = replayed.changed.total()
    by_table = ", ".join(f"{count} of {table}" for table, count in sorted(replayed.changed.items()))
    rows = f"{changed} row{'' if changed == 1 else 's'} changed"
    return f"{replayed.read} stored events and objects replayed: {rows}{f' ({by_table})' if by_table else ''}."


def _day(text: str) -> dt.datetime:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no day; write it as 2026-10-31.") from error
    return dt.datetime.combine(day, dt.time(), ZoneInfo(settings.BILLING_TIME_ZONE))
