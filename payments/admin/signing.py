"""Owns the page of signing secrets: which doors there are for Stripe, and what may sign at each; no secret is shown."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models.functions import Right
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from djstripe.models import WebhookEndpoint
from unfold.widgets import UnfoldAdminPasswordWidget

from billing_site.kit.admin import Panel, QuestionForm, ReadOnlyAdmin, RowPageMixin, asking, badge
from billing_site.kit.admin.columns import EMPTY
from billing_site.kit.admin.words import moment_text
from payments.models import SigningSecret
from payments.stripe.doors import add_signing_secret, retire_signing_secret, rotate_secret

_PERMISSION = "payments.change_signingsecret"
_NO_ENDPOINT = (
    "There is no endpoint with an address of its own yet: set STRIPE_WEBHOOK_UUID beside STRIPE_WEBHOOK_SECRETS, "
    "and migrate. The secrets of /stripe/webhook/ are changed in the environment."
)


class _SecretInput(UnfoldAdminPasswordWidget):
    """Takes a secret and never gives it back, not even when the form is shown again."""

    is_dressed = True


class SecretForm(QuestionForm):
    """A secret for one of the endpoints."""

    endpoint = forms.ChoiceField()
    secret = forms.CharField(
        max_length=255, widget=_SecretInput(), help_text="Begins with whsec_. It is kept, and shown to nobody again."
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["endpoint"].choices = [  # type: ignore[attr-defined]
            (str(row["djstripe_uuid"]), f"{row['djstripe_uuid']} ({'live' if row['livemode'] else 'test'})")
            for row in _endpoints()
        ]
        if not self.fields["endpoint"].choices:  # type: ignore[attr-defined]
            self.explanation = _NO_ENDPOINT

    @property
    def asked(self) -> dict[str, Any]:
        return {"endpoint_uuid": UUID(self.cleaned_data["endpoint"]), "secret": self.cleaned_data["secret"]}


class AddForm(SecretForm):
    explanation = "The endpoint's own secret signs on. Add the new one here before Stripe signs with it."
    retires_at = forms.DateTimeField(required=False, help_text="Left empty, it signs until retired.")

    def carry_out(self, *, by: str) -> str:
        made = add_signing_secret(**self.asked, by=by, now=timezone.now(), retires_at=self.cleaned_data["retires_at"])
        return f"{masked(made.secret[-4:])} may sign from now on."


class RotateForm(SecretForm):
    explanation = "The secret given here becomes the endpoint's own. Stripe lets the old one sign for up to 24 hours."
    retires_old_at = forms.DateTimeField(label="The old one retires at")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial = {"retires_old_at": timezone.now() + dt.timedelta(hours=24)}

    def carry_out(self, *, by: str) -> str:
        rotate_secret(**self.asked, by=by, now=timezone.now(), retires_old_at=self.cleaned_data["retires_old_at"])
        return "The new secret is the endpoint's own; the old one signs until it retires."


class RetireForm(QuestionForm):
    explanation = "From then on it opens nothing. Events signed with it are refused, and Stripe sends them again."
    at = forms.DateTimeField(label="Retires at")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial = {"at": timezone.now()}

    def carry_out(self, *, by: str) -> str:
        retire_signing_secret(signing_secret=self.row, at=self.cleaned_data["at"], by=by)
        return f"{masked(self.row.secret[-4:])} retires on {moment_text(self.cleaned_data['at'])}."


@admin.register(SigningSecret)
class SigningSecretAdmin(RowPageMixin, ReadOnlyAdmin):
    """Further secrets of endpoints; who may not change them does not see them."""

    list_display = ("ending", "endpoint", "state", "retires_at", "added_by", "added_at")
    list_before_template = "admin/panels.html"
    ordering = ("-added_at", "-pk")
    add_a_secret = asking("Add a secret", form=AddForm, permission=_PERMISSION, icon="add")
    rotate = asking("Rotate an endpoint's secret", form=RotateForm, permission=_PERMISSION, icon="sync")
    retire = asking("Retire", form=RetireForm, permission=_PERMISSION, icon="lock_clock")
    actions_list = ("add_a_secret", "rotate")
    actions_detail = ("retire",)
    fields = (("ending", "state"), "endpoint", ("added_by", "added_at"), "retires_at")
    readonly_fields = ("ending", "state", "endpoint")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return bool(request.user.has_perm(_PERMISSION))

    def get_queryset(self, request: HttpRequest) -> Any:
        """Read of a secret only what is shown of it."""
        return super().get_queryset(request).defer("secret").annotate(ending_of=Right("secret", 4))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"panels": [_doors(request)], **(extra_context or {})})

    def ending(self, row: Any) -> Any:
        return masked(row.ending_of)

    ending.short_description = "Secret"  # type: ignore[attr-defined]

    def endpoint(self, row: SigningSecret) -> Any:
        return format_html('<span class="font-mono text-xs">{}</span>', row.endpoint_uuid)

    endpoint.admin_order_field = "endpoint_uuid"  # type: ignore[attr-defined]

    def state(self, row: SigningSecret) -> Any:
        if row.retires_at is None:
            return badge("Signs", "success")
        return badge("Retired") if row.retires_at <= timezone.now() else badge("Signs for now", "warning")


def masked(ending: str | None) -> Any:
    return format_html('<span class="font-mono text-xs">whsec_…{}</span>', ending) if ending else EMPTY


def _endpoints() -> Any:
    """Read dj-stripe's endpoints without their secrets."""
    columns = ("djstripe_uuid", "id", "livemode", "status", "api_version")
    return WebhookEndpoint.objects.order_by("livemode", "djstripe_uuid").values(*columns, ending=Right("secret", 4))


def _doors(request: HttpRequest) -> Panel:
    rows = [_door(row, request) for row in _endpoints()]
    if settings.STRIPE_WEBHOOK_SECRETS:
        endings = ", ".join(f"…{secret[-4:]}" for secret in settings.STRIPE_WEBHOOK_SECRETS)
        address = request.build_absolute_uri(reverse("stripe-webhook-by-settings"))
        rows.append((_mono(address), "Environment", "Live" if settings.STRIPE_LIVE_MODE else "Test", _mono(endings)))
    return Panel(
        "Webhook endpoints",
        ("Address to give to Stripe", "Endpoint", "Mode", "Own secret"),
        rows,
        none=_NO_ENDPOINT,
        note="Below: further secrets that may sign for an endpoint, such as while one replaces another.",
        is_wide=True,
    )


def _door(row: dict[str, Any], request: HttpRequest) -> tuple[Any, ...]:
    address = request.build_absolute_uri(reverse("stripe-webhook", args=[row["djstripe_uuid"]]))
    return _mono(address), row["id"], "Live" if row["livemode"] else "Test", masked(row["ending"])


def _mono(text: str) -> Any:
    return format_html('<span class="font-mono text-xs">{}</span>', text)
