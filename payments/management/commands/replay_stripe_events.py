"""`manage.py replay_stripe_events`: rebuild our rows from stored events and fetched objects, offline."""

from __future__ import annotations

import sys
from collections import Counter
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet
from rich.console import Console
from rich.progress import Progress

from billing_site.kit.wording import counted
from payments.management.days import day
from payments.models import StripeEvent, StripeObject
from payments.querysets import StripeEventQuerySet
from payments.stripe.handled import HANDLED_EVENT_TYPES, handles
from payments.stripe.replaying import Replayed, replay


class Command(BaseCommand):
    help = (
        "Rebuild our rows from the stored Stripe events and fetched objects, without asking Stripe; say what changed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="everything that is stored")
        parser.add_argument("--since", type=day, metavar="YYYY-MM-DD", help="what was told on this day or later")
        parser.add_argument(
            "--object", metavar="ID", help="one object of Stripe's, such as in_123, with the lists that belong to it"
        )
        parser.add_argument("--type", metavar="TYPE", help="one type of event, such as invoice.paid")

    def handle(self, **options: Any) -> None:
        events, objects = _chosen(options)
        with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
            total = events.handled().count() + objects.count()
            watched = partial(bar.track, total=total, description="Replaying")
            replayed = replay(events=events, objects=objects, watching=watched)
        if options["verbosity"] > 1:
            for told_by, changed in replayed.changed_by.items():
                self.stdout.write(f"{told_by}: {_by_table(changed)}")
        self.stdout.write(_told(replayed))
        if replayed.failed:
            for stripe_id, reason in replayed.failed.items():
                self.stderr.write(f"{stripe_id}: {reason}")
            raise CommandError(f"{len(replayed.failed)} of {replayed.read} could not be booked.")


def _chosen(options: dict[str, Any]) -> tuple[StripeEventQuerySet, QuerySet[StripeObject]]:
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
    return events, objects


def _told(replayed: Replayed) -> str:
    changed = replayed.changed.total()
    rows = f"{counted(changed, 'row')} changed"
    by_table = f" ({_by_table(replayed.changed)})" if changed else ""
    return f"{replayed.read} stored events and objects replayed: {rows}{by_table}."


def _by_table(changed: Counter[str]) -> str:
    return ", ".join(f"{count} of {table}" for table, count in sorted(changed.items()))
