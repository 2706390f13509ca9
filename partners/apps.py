"""Django's handle on partners."""

from __future__ import annotations

from django.apps import AppConfig


class PartnersConfig(AppConfig):
    name = "partners"

    def ready(self) -> None:
        """Let invoices print the usage behind them, though they never hear of partners."""
        from invoices import annexes
        from partners.annexes import usage_annexes

        annexes.register(usage_annexes)
