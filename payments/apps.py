"""Django's handle on payments."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class PaymentsConfig(AppConfig):
    name = "payments"

    def ready(self) -> None:
        """Let what a credit note leaves become a credit of the customer, and the environment name an endpoint."""
        from invoices.services import let_keep_the_rest
        from payments.services import keep_rest_of_credit_note
        from payments.stripe.doors import write_endpoint_of_environment

        let_keep_the_rest(keep_rest_of_credit_note)
        post_migrate.connect(write_endpoint_of_environment, dispatch_uid="payments.webhook_endpoint")
