"""The admin site: its navigation by what people do, its start page, and the pages of other packages redrawn."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from unfold.sites import UnfoldAdminSite

from billing_site.kit.admin import dashboard as start_page

# Each group: (title, icon, model or address). What is not registered, or not to be seen by this user, is left out.
NAVIGATION: dict[str, tuple[tuple[str, str, str], ...]] = {
    "Billing": (
        ("Dashboard", "dashboard", "admin:index"),
        ("Invoices", "receipt_long", "invoices.Invoice"),
        ("Credit notes", "undo", "invoices.CreditNote"),
        ("Payments", "payments", "payments.Payment"),
        ("Credits", "redeem", "payments.Credit"),
        ("Allocations", "task_alt", "payments.Allocation"),
        ("Customers", "groups", "invoices.Customer"),
        ("Subscriptions", "autorenew", "payments.Subscription"),
        ("MRR movements", "stacked_line_chart", "payments.MrrMovement"),
        ("Sellers", "storefront", "invoices.Seller"),
        ("Number series", "pin", "invoices.NumberSeries"),
        ("Documents", "picture_as_pdf", "invoices.Document"),
        ("Deliveries", "outgoing_mail", "invoices.Delivery"),
    ),
    "Partners": (
        ("Partners", "handshake", "partners.Partner"),
        ("Contracts", "contract", "partners.Contract"),
        ("Purchase orders", "shopping_cart", "partners.PurchaseOrder"),
        ("Billing runs", "play_circle", "partners.BillingRun"),
        ("Billed periods", "event_available", "partners.BilledPeriod"),
        ("Late usage", "history", "partners.Correction"),
        ("Daily usage", "monitoring", "partners.ApiUsage"),
        ("Usage events", "data_usage", "partners.UsageEvent"),
        ("Usage conflicts", "rule", "partners.UsageConflict"),
        ("Usage archives", "inventory_2", "partners.UsageArchive"),
        ("Partner keys", "key", "partners.PartnerApiKey"),
    ),
    "Stripe": (
        ("Events", "bolt", "payments.StripeEvent"),
        ("Fetched objects", "data_object", "payments.StripeObject"),
        ("Versions", "layers", "payments.AppliedVersion"),
        ("Listings", "playlist_add_check", "payments.EventListing"),
        ("Imports", "move_to_inbox", "payments.AccountImport"),
        ("Balance transactions", "account_balance", "payments.BalanceTransaction"),
        ("Payouts", "account_balance_wallet", "payments.Payout"),
        ("Refunds", "currency_exchange", "payments.Refund"),
        ("Disputes", "gavel", "payments.Dispute"),
        ("Mirror", "database", "app:djstripe"),
        ("Signing secrets", "lock", "payments.SigningSecret"),
    ),
    "Reporting": (
        ("Revenue", "trending_up", "revenue-page"),
        ("Reconciliations", "balance", "reporting.Reconciliation"),
        ("Breaks", "report", "reporting.Break"),
        ("Exports", "download", "kit.ExportJob"),
    ),
    "Automation": (
        ("Schedule", "schedule", "django_celery_beat.PeriodicTask"),
        ("Job runs", "history", "kit.JobRun"),
        ("Approvals", "verified", "kit.Approval"),
        ("API reference", "api", "api-docs"),
    ),
    "People": (
        ("Users", "person", "auth.User"),
        ("Roles", "badge", "auth.Group"),
        ("Service keys", "vpn_key", "kit.ServiceKey"),
    ),
}


class BackOffice(UnfoldAdminSite):
    """The one admin site."""

    index_title = "Dashboard"

    def finish(self) -> None:
        """Redraw what other packages registered; called once all apps have."""
        from billing_site.kit.admin import bridge, ground  # these import pages that register themselves on this site
        from billing_site.start_page import schedule_card
        from payments.stripe import mirror_admin

        start_page.register(schedule_card)
        bridge.restyle(self)
        ground.register(self)
        mirror_admin.register(self)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Leave the many tables of Stripe's mirror to a page of their own."""
        found = super().get_app_list(request, app_label)
        return found if app_label else [app for app in found if app["app_label"] != "djstripe"]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Build the side bar for one user."""
    groups = (
        {"title": title, "collapsible": title != "Billing", "items": _items(request, rows)}
        for title, rows in NAVIGATION.items()
    )
    return [group for group in groups if group["items"]]


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the cards of the start page, the shortcuts and the schedule."""
    from billing_site.start_page import schedule_panel, shortcuts  # reads tables, which are not there at start-up

    shown = {"cards": start_page.cards(request), "shortcuts": shortcuts(request), "panels": schedule_panel(request)}
    return {**context, **shown}


def environment_badge(request: HttpRequest) -> list[str] | None:  # noqa: ARG001 - the theme's signature
    """Say on every page that these are not real numbers."""
    if settings.DEMO_DATA:
        return ["DEMO DATA", "warning"]
    return None if settings.STRIPE_LIVE_MODE else ["STRIPE TEST MODE", "info"]


def _items(request: HttpRequest, rows: tuple[tuple[str, str, str], ...]) -> list[dict[str, Any]]:
    items = ({"title": title, "icon": icon, "link": _link(request, target)} for title, icon, target in rows)
    return [item for item in items if item["link"]]


def _link(request: HttpRequest, target: str) -> str:
    """Return the address of a list, an app's index (`app:label`) or a named page; "" where this user has none."""
    try:
        if target.startswith("app:"):
            label = target.removeprefix("app:")
            return reverse("admin:app_list", args=[label]) if request.user.has_module_perms(label) else ""
        return _list_page(request, target) if "." in target else reverse(target)
    except (NoReverseMatch, LookupError):
        return ""


def _list_page(request: HttpRequest, label: str) -> str:
    from django.contrib.admin import site

    model = apps.get_model(label)
    if not site.is_registered(model) or not site.get_model_admin(model).has_view_or_change_permission(request):
        return ""
    return reverse(f"admin:{label.lower().replace('.', '_')}_changelist")
