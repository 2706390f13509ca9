"""What the start page shows besides the floors' cards: the clockwork, and shortcuts to what people add."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from billing_site.kit.admin import Panel, badge
from billing_site.kit.admin.columns import EMPTY
from billing_site.kit.admin.dashboard import Card
from billing_site.kit.admin.words import day_text
from billing_site.schedule import ScheduledJob, overview

# Shown to those who may add such a row.
SHORTCUTS = (
    ("New invoice", "receipt_long", "invoices.Invoice"),
    ("Enter a payment", "payments", "payments.Payment"),
    ("Grant a credit", "redeem", "payments.Credit"),
    ("New customer", "person_add", "invoices.Customer"),
    ("New contract", "contract", "partners.Contract"),
)
_STATES = {"done": "success", "failed": "danger", "interrupted": "danger", "running": "info"}
_SHOWN = 3


def schedule_card(request: HttpRequest) -> Iterator[Card]:
    """What runs next."""
    if not request.user.has_perm("kit.view_jobrun"):
        return
    jobs = overview(timezone.now())
    coming = sorted((job for job in jobs if job.next_run), key=lambda job: job.next_run)  # type: ignore[arg-type,return-value]
    failed = sum(job.state in {"failed", "interrupted"} for job in jobs)
    lines = tuple((job.name, f"{timezone.localtime(job.next_run):%H:%M}") for job in coming[:_SHOWN])
    figure = f"{failed} failed" if failed else "On time" if coming else "Nothing scheduled"
    tone = "danger" if failed else "success" if coming else "warning"
    yield Card(
        "Scheduled jobs", figure, lines=lines, url=reverse("admin:kit_jobrun_changelist"), icon="schedule", tone=tone
    )


def schedule_panel(request: HttpRequest) -> list[Panel]:
    if not request.user.has_perm("kit.view_jobrun"):
        return []
    rows = [_job(job) for job in overview(timezone.now())]
    heads = ("Job", "State", "Last run", "What it did", "Next run")
    return [Panel("Schedule", heads, rows, none="No job is scheduled.", is_wide=True)]


def shortcuts(request: HttpRequest) -> list[dict[str, str]]:
    from django.contrib import admin

    found = ((title, icon, apps.get_model(label)) for title, icon, label in SHORTCUTS)
    return [
        {"title": title, "icon": icon, "url": reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")}  # noqa: SLF001 - documented API
        for title, icon, model in found
        if admin.site.get_model_admin(model).has_add_permission(request)
    ]


def _job(job: ScheduledJob) -> tuple[Any, ...]:
    last = job.last_run
    state = badge(job.state, _STATES.get(job.state, ""))
    return job.name, state, _moment(last and last.started_at), (last and last.outcome) or EMPTY, _moment(job.next_run)


def _moment(instant: Any) -> str:
    return f"{day_text(instant)}, {timezone.localtime(instant):%H:%M}" if instant else EMPTY
