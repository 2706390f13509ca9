"""Django's handle on the ground."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class KitConfig(AppConfig):
    name = "billing_site.kit"
    label = "kit"
    verbose_name = "Automation"

    def ready(self) -> None:
        from billing_site.kit import database_role, lookups, roles  # noqa: F401 - lookups are known from then on

        post_migrate.connect(database_role.grant_use, dispatch_uid="kit.database_role")
        post_migrate.connect(roles.write_groups, dispatch_uid="kit.roles")
