"""What every app leans on: keys of machines, repeated requests, approvals, runs of jobs, exports."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from rest_framework_api_key.models import AbstractAPIKey

from billing_site.kit.audit import audited
from billing_site.kit.enums import JobState
from billing_site.kit.fields import one_of


class ServiceKey(AbstractAPIKey):
    """A key of a machine of ours (product, dashboard). Only its hash is kept."""

    scopes = ArrayField(
        models.CharField(max_length=40),
        default=list,
        help_text="Such as reports:read, invoices:read, usage:write; * is everything.",
    )

    class Meta(AbstractAPIKey.Meta):
        verbose_name = "service key"
        verbose_name_plural = "service keys"


class IdempotentRequest(models.Model):
    """The answer to a request that carried an Idempotency-Key, so that a repeat changes nothing."""

    key_owner = models.CharField(max_length=80)
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=200)
    idempotency_key = models.CharField(max_length=255)
    request_sha256 = models.CharField(max_length=64)
    response_status = models.PositiveSmallIntegerField(null=True)
    response_body = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    completed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["key_owner", "method", "path", "idempotency_key"], name="request_answered_once_per_key"
            ),
        ]


@audited
class Approval(models.Model):
    """A person's yes to something that needs one; `subject` names it as app.model:id."""

    subject = models.CharField(max_length=100)
    decision = models.CharField(max_length=40)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField()
    reason = models.TextField(blank=True)
    facts = models.JSONField(default=dict, help_text="What was looked at: totals per currency, counts.")

    class Meta:
        indexes = [models.Index(fields=["subject"], name="approval_subject")]


class JobRun(models.Model):
    """One run of a scheduled job; a run that found nothing says so."""

    job = models.CharField(max_length=80)
    state = models.CharField(max_length=20, choices=JobState.choices, default=JobState.RUNNING)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    outcome = models.TextField(blank=True)

    class Meta:
        verbose_name = "job run"
        constraints = [models.CheckConstraint(condition=one_of("state", JobState), name="job_run_state_known")]
        indexes = [models.Index(fields=["job", "-started_at"], name="job_run_latest")]

    def __str__(self) -> str:
        return f"{self.job} at {self.started_at:%Y-%m-%d %H:%M}"


class ExportJob(models.Model):
    """A large export that a worker writes: the list's query string is kept, the rows are read when it runs."""

    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    model = models.CharField(max_length=100)
    query_string = models.TextField(blank=True)
    file_format = models.CharField(max_length=8)
    state = models.CharField(max_length=20, choices=JobState.choices, default=JobState.RUNNING)
    file_name = models.CharField(max_length=200, blank=True)
    row_count = models.PositiveIntegerField(null=True)
    requested_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "export"
        constraints = [models.CheckConstraint(condition=one_of("state", JobState), name="export_job_state_known")]
