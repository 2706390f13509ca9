"""Django's handles on the roof."""

from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class BillingSiteConfig(AppConfig):
    name = "billing_site"
    default = True

    def ready(self) -> None:
        from billing_site import checks  # noqa: F401 - registers itself


class AdminConfig(DjangoAdminConfig):
    default_site = "billing_site.admin.BackOffice"
