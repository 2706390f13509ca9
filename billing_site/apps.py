"""Django's handles on the roof."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin import apps as admin


class BillingSiteConfig(AppConfig):
    name = "billing_site"
    default = True

    def ready(self) -> None:
        from billing_site import celery, checks  # noqa: F401 - both register themselves


class AdminConfig(admin.AdminConfig):
    default = False  # Django would find two defaults in this module
    default_site = "billing_site.admin.BackOffice"

    def ready(self) -> None:
        """Let every app register its pages, then redraw what other packages registered."""
        super().ready()
        from django.contrib.admin import site

        site.finish()  # type: ignore[attr-defined]
