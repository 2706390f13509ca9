"""Django's handle on payments."""

from __future__ import annotations

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "payments"

    def ready(self) -> None:
        """Let what a credit note leaves become a credit of the customer."""
        from invoices.services import let_keep_the_rest
        from payments.services import keep_rest_of_credit_note

        let_keep_the_rest(keep_rest_of_credit_note)
