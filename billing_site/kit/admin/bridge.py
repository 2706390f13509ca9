"""Pages that come with other packages, redrawn in the theme: people, roles, and the schedule."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.admin.sites import AdminSite
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Count
from django.http import HttpRequest
from django.utils import timezone
from django_celery_beat import admin as beat_admin
from django_celery_beat import models as beat
from kombu.exceptions import OperationalError
from rest_framework_api_key.models import APIKey
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from billing_site.kit.admin.bases import ReadOnlyInline
from billing_site.kit.admin.columns import badge


class PersonAdmin(UserAdmin, ModelAdmin):
    """People of the back office; what each may do comes from the roles."""

    form, add_form, change_password_form = UserChangeForm, UserCreationForm, AdminPasswordChangeForm
    list_display = ("username", "full_name", "email", "role_names", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser", "groups")
    list_fullwidth = True
    compressed_fields = True
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    def full_name(self, person: User) -> str:
        return person.get_full_name() or self.get_empty_value_display()

    def role_names(self, person: User) -> str:
        return ", ".join(sorted(group.name for group in person.groups.all())) or self.get_empty_value_display()

    role_names.short_description = "Roles"  # type: ignore[attr-defined]


class RoleAdmin(GroupAdmin, ModelAdmin):
    list_display = ("name", "people", "permission_count")
    list_fullwidth = True

    def get_queryset(self, request: HttpRequest) -> Any:
        counts = {"person_count": Count("user", distinct=True), "code_count": Count("permissions", distinct=True)}
        return super().get_queryset(request).annotate(**counts)

    def people(self, role: Any) -> int:
        return int(role.person_count)

    def permission_count(self, role: Any) -> int:
        return int(role.code_count)

    permission_count.short_description = "Permissions"  # type: ignore[attr-defined]


class _TaskSelect(UnfoldAdminSelectWidget, beat_admin.TaskSelectWidget):
    """The list of known tasks, in the theme's clothes."""


class _TaskForm(beat_admin.PeriodicTaskForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["regtask"].widget = _TaskSelect()
        self.fields["task"].widget = UnfoldAdminTextInputWidget()


class ScheduledJobAdmin(beat_admin.PeriodicTaskAdmin, ModelAdmin):
    """What runs by itself, when it last did and when it will next."""

    form = _TaskForm
    date_hierarchy = None
    list_display = ("name", "state", "when", "last_run_at", "next_run_at", "total_run_count")
    list_filter = ("enabled", "one_off")
    list_fullwidth = True
    show_full_result_count = False
    readonly_fields = ("last_run_at", "next_run_at", "crontab_translation")
    fieldsets = (
        (None, {"fields": ("name", ("regtask", "task"), "enabled", "description")}),
        (
            "Schedule",
            {
                "fields": (
                    ("crontab", "interval"),
                    "crontab_translation",
                    ("clocked", "solar"),
                    ("start_time", "one_off"),
                    ("last_run_at", "next_run_at"),
                )
            },
        ),
        ("Arguments", {"fields": ("args", "kwargs"), "classes": ("collapse",)}),
        (
            "Execution",
            {
                "fields": (
                    ("queue", "priority"),
                    ("expires", "expire_seconds"),
                    ("exchange", "routing_key"),
                    "headers",
                ),
                "classes": ("collapse",),
            },
        ),
    )

    def state(self, job: beat.PeriodicTask) -> Any:
        return badge("On", "success") if job.enabled else badge("Off")

    state.admin_order_field = "enabled"  # type: ignore[attr-defined]

    def when(self, job: beat.PeriodicTask) -> str:
        if job.crontab:
            return str(job.crontab.human_readable)
        return str(job.interval or job.clocked or job.solar or self.get_empty_value_display())

    def next_run_at(self, job: beat.PeriodicTask) -> datetime | None:
        return next_run(job, now=timezone.now()) if job.pk and job.enabled else None

    next_run_at.short_description = "Next run"  # type: ignore[attr-defined]

    def crontab_translation(self, job: beat.PeriodicTask) -> str:
        return str(job.crontab.human_readable) if job.crontab else self.get_empty_value_display()

    crontab_translation.short_description = "In words"  # type: ignore[attr-defined]

    def run_tasks(self, request: HttpRequest, queryset: Any) -> None:
        """Without a broker there is nobody to run anything: say so."""
        try:
            super().run_tasks(request, queryset)
        except OperationalError as error:
            self.message_user(request, f"The broker does not answer, so nothing was started: {error}", messages.ERROR)

    run_tasks.short_description = "Run selected jobs now"  # type: ignore[attr-defined]


class _JobInline(ReadOnlyInline):
    model = beat.PeriodicTask
    fields = readonly_fields = ("name", "task", "enabled", "last_run_at")
    verbose_name_plural = "Jobs on this schedule"


class ScheduleAdmin(ModelAdmin):
    inlines = [_JobInline]
    list_fullwidth = True


class CrontabAdmin(ScheduleAdmin):
    list_display = ("human_readable", "minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone")
    readonly_fields = ("human_readable",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "human_readable",
                    ("minute", "hour"),
                    ("day_of_month", "month_of_year"),
                    ("day_of_week", "timezone"),
                )
            },
        ),
    )


def next_run(job: beat.PeriodicTask, *, now: datetime) -> datetime | None:
    """Compute when a job is due next, seen from `now`; None for kinds of schedule the back office does not use."""
    if job.interval:
        step = job.interval.schedule.run_every
        return timezone.localtime(max((job.last_run_at or now) + step, now))
    if job.crontab is None:
        return None
    crontab = job.crontab.schedule
    here = now.astimezone(crontab.tz)
    crontab.nowfun = lambda: here  # it would ask the clock of the machine
    start, step, _now = crontab.remaining_delta(here, tz=crontab.tz)
    return timezone.localtime(start + step)


def restyle(site: AdminSite) -> None:
    """Replace the packages' own pages; ours are registered in their stead."""
    pages: dict[Any, Any] = {
        User: PersonAdmin,
        Group: RoleAdmin,
        beat.PeriodicTask: ScheduledJobAdmin,
        beat.CrontabSchedule: CrontabAdmin,
        beat.IntervalSchedule: ScheduleAdmin,
        beat.ClockedSchedule: ScheduleAdmin,
    }
    for model in (*pages, beat.SolarSchedule, APIKey):
        if site.is_registered(model):
            site.unregister(model)
    for model, page in pages.items():
        site.register(model, page)
