"""Roles of the back office as Django groups; written after each migration, so that code and groups agree."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.apps import apps as all_apps

_SEE = [
    "invoices.view_*",
    "payments.view_*",
    "partners.view_*",
    "reporting.view_*",
    "djstripe.view_*",
    "kit.view_jobrun",
    "kit.view_exportjob",
]
_WORK = [
    "invoices.add_customer", "invoices.change_customer",
    "invoices.add_invoice", "invoices.change_invoice", "invoices.delete_invoice", "invoices.*_invoiceline",
    "invoices.send_invoice",
    "payments.add_payment", "payments.add_credit", "payments.change_credit",
    "reporting.change_break",
]  # fmt: skip
_DECIDE = [
    "invoices.issue_invoice", "invoices.void_invoice", "invoices.write_off_invoice", "invoices.add_creditnote",
    "partners.add_billingrun", "partners.change_billingrun", "partners.approve_billingrun",
    "partners.hold_billingrun", "partners.issue_billingrun", "partners.send_billingrun",
    "payments.replay_stripeevent",
]  # fmt: skip
_CONTRACTS = [
    "partners.*_partner",
    "partners.*_contract",
    "partners.*_purchaseorder",
    "partners.*_partnerapikey",
    "partners.add_usageevent",
    "invoices.add_customer",
    "invoices.change_customer",
]
_SETTLE = [
    "django_celery_beat.*", "invoices.*_seller", "invoices.change_numberseries", "auth.*", "kit.*_servicekey",
    "payments.change_signingsecret",
]  # fmt: skip

ROLES: dict[str, list[str]] = {
    "Auditor": _SEE,
    "Accountant": [*_SEE, *_WORK],
    "Finance manager": [*_SEE, *_WORK, *_DECIDE],
    "Partner manager": [*_SEE, *_CONTRACTS],
    "Administrator": [*_SEE, *_WORK, *_DECIDE, *_CONTRACTS, *_SETTLE],
}


def write_groups(sender: AppConfig, using: str, **_: Any) -> None:
    """Make the groups and give each exactly the permissions above, once the last app is migrated."""
    if sender.name != "reporting":
        return
    _write_missing_permissions(using)
    group_model, permission_model = all_apps.get_model("auth.Group"), all_apps.get_model("auth.Permission")
    known = {
        f"{p.content_type.app_label}.{p.codename}": p
        for p in permission_model.objects.using(using).select_related("content_type")
    }
    for name, patterns in ROLES.items():
        group, _created = group_model.objects.using(using).get_or_create(name=name)
        group.permissions.set([known[code] for code in known if any(_fits(code, pattern) for pattern in patterns)])


def _write_missing_permissions(using: str) -> None:
    """Django makes an app's permissions in its own handler, which may come after this one."""
    from django.contrib.auth.management import create_permissions

    for config in all_apps.get_app_configs():
        create_permissions(config, verbosity=0, using=using)


def _fits(code: str, pattern: str) -> bool:
    before, star, after = pattern.partition("*")
    if not star:
        return code == pattern
    return code.startswith(before) and code.endswith(after)
