"""Money that moved, or tried to."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from billing_site.kit.audit import audited
from billing_site.kit.fields import CentsField, CurrencyField, is_currency, one_of
from billing_site.kit.money import Money
from invoices.models import Customer, Invoice
from payments.enums import PaymentOrigin, PaymentStatus
from payments.querysets import (
    BalanceTransactionQuerySet,
    InvoicePaymentQuerySet,
    PaymentQuerySet,
    PayoutQuerySet,
    RefundQuerySet,
)


@audited
class Payment(models.Model):
    """Money received or tried. Of Stripe's, amounts are as Stripe says; fee and net are in the settlement currency."""

    origin = models.CharField(max_length=10, choices=PaymentOrigin.choices, default=PaymentOrigin.MANUAL)
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, null=True, blank=True, related_name="payments")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, null=True, blank=True, related_name="payments")
    user_id = models.CharField(max_length=120, blank=True, help_text="The product's own id of the user.")
    stripe_payment_intent_id = models.CharField(max_length=255, null=True, blank=True, unique=True)
    stripe_charge_id = models.CharField(max_length=255, null=True, blank=True, unique=True)
    stripe_balance_transaction_id = models.CharField(max_length=255, blank=True)
    amount_cents = CentsField()
    currency = CurrencyField()
    status = models.CharField(max_length=20, choices=PaymentStatus.choices)
    payment_method = models.CharField(max_length=60, blank=True, help_text="Such as card visa 4242, or bank transfer.")
    reference = models.CharField(max_length=140, blank=True, help_text="What the bank statement says.")
    stripe_fee_cents = CentsField(null=True, blank=True)
    net_amount_cents = CentsField(null=True, blank=True)
    settlement_currency = CurrencyField(blank=True)
    settlement_amount_cents = CentsField(null=True, blank=True)
    exchange_rate = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    failure_code = models.CharField(max_length=100, blank=True)
    failure_message = models.TextField(blank=True)
    refunded_at = models.DateTimeField(null=True, blank=True)
    refund_reason = models.CharField(max_length=100, blank=True)
    refund_amount_cents = CentsField(default=0)
    allocated_cents = CentsField(default=0, editable=False, help_text="Placed on invoices so far.")
    received_at = models.DateTimeField(
        null=True, blank=True, help_text="When the money moved; its month is the month of the revenue."
    )
    created_at = models.DateTimeField(help_text="When Stripe, or the person who entered it, made it.")

    objects = PaymentQuerySet.as_manager()

    class Meta:
        db_table = "payment_history"
        constraints = [
            models.CheckConstraint(condition=one_of("origin", PaymentOrigin), name="payment_origin_known"),
            models.CheckConstraint(condition=one_of("status", PaymentStatus), name="payment_status_known"),
            models.CheckConstraint(condition=is_currency(), name="payment_currency_is_iso"),
            models.CheckConstraint(condition=Q(amount_cents__gte=0), name="payment_not_negative"),
            models.CheckConstraint(
                condition=Q(refund_amount_cents__gte=0, refund_amount_cents__lte=F("amount_cents")),
                name="refund_within_payment",
            ),
            models.CheckConstraint(
                condition=Q(allocated_cents__gte=0, allocated_cents__lte=F("amount_cents")),
                name="allocated_within_payment",
            ),
            models.CheckConstraint(
                condition=Q(net_amount_cents=None)
                | Q(net_amount_cents=Coalesce(F("settlement_amount_cents"), F("amount_cents")) - F("stripe_fee_cents")),
                name="payment_net_is_amount_less_fee",
            ),
            models.CheckConstraint(
                condition=Q(origin=PaymentOrigin.MANUAL, stripe_payment_intent_id=None, stripe_charge_id=None)
                | Q(origin=PaymentOrigin.STRIPE, stripe_payment_intent_id__isnull=False)
                | Q(origin=PaymentOrigin.STRIPE, stripe_charge_id__isnull=False),
                name="stripe_payment_has_its_id",
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="payment_newest_first"),
            models.Index(fields=["received_at", "currency"], name="payment_by_month"),
            models.Index(fields=["stripe_balance_transaction_id"], name="payment_balance_transaction"),
            models.Index(
                fields=["id"],
                condition=Q(origin=PaymentOrigin.STRIPE, stripe_fee_cents=None),
                name="payment_without_fee",
            ),
            models.Index(fields=["id"], condition=Q(refund_amount_cents__gt=0), name="payment_given_back"),
        ]

    def __str__(self) -> str:
        return self.stripe_payment_intent_id or self.stripe_charge_id or f"Payment {self.pk}"

    @property
    def amount(self) -> Money:
        return Money(self.amount_cents, self.currency)

    @property
    def unallocated_cents(self) -> int:
        return self.amount_cents - self.allocated_cents


@audited
class Refund(models.Model):
    stripe_refund_id = models.CharField(max_length=255, null=True, blank=True, unique=True)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, null=True, related_name="refunds")
    stripe_charge_id = models.CharField(max_length=255, blank=True)
    stripe_payment_intent_id = models.CharField(max_length=255, blank=True)
    stripe_balance_transaction_id = models.CharField(max_length=255, blank=True)
    amount_cents = CentsField()
    currency = CurrencyField()
    status = models.CharField(max_length=30)
    reason = models.CharField(max_length=100, blank=True)
    failure_reason = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField()

    objects = RefundQuerySet.as_manager()

    class Meta:
        db_table = "refunds"
        constraints = [models.CheckConstraint(condition=Q(amount_cents__gt=0), name="refund_positive")]
        indexes = [models.Index(fields=["-created_at", "-id"], name="refund_newest_first")]

    def __str__(self) -> str:
        return self.stripe_refund_id or f"Refund {self.pk}"


@audited
class Dispute(models.Model):
    stripe_dispute_id = models.CharField(max_length=255, unique=True)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, null=True, related_name="disputes")
    stripe_charge_id = models.CharField(max_length=255, blank=True)
    stripe_payment_intent_id = models.CharField(max_length=255, blank=True)
    amount_cents = CentsField()
    currency = CurrencyField()
    status = models.CharField(max_length=40)
    reason = models.CharField(max_length=60, blank=True)
    evidence_due_at = models.DateTimeField(null=True, blank=True)
    withdrawn_cents = CentsField(default=0, help_text="Taken from the balance, in the settlement currency.")
    reinstated_cents = CentsField(default=0, help_text="Given back to the balance, in the settlement currency.")
    fee_cents = CentsField(default=0, help_text="What the dispute itself costs, in the settlement currency.")
    settlement_currency = CurrencyField(blank=True)
    funds_withdrawn_at = models.DateTimeField(null=True, blank=True)
    funds_reinstated_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "disputes"
        indexes = [models.Index(fields=["-created_at", "-id"], name="dispute_newest_first")]

    def __str__(self) -> str:
        return self.stripe_dispute_id


class InvoicePayment(models.Model):
    """Stripe's tie between an invoice and what pays it, kept by ids: either side may be heard of first."""

    stripe_id = models.CharField(max_length=600, unique=True)
    stripe_invoice_id = models.CharField(max_length=255)
    stripe_payment_intent_id = models.CharField(max_length=255, blank=True)
    stripe_charge_id = models.CharField(max_length=255, blank=True)
    status = models.CharField(max_length=20)
    amount_paid_cents = CentsField(default=0)
    currency = CurrencyField()
    paid_at = models.DateTimeField(null=True)

    objects = InvoicePaymentQuerySet.as_manager()

    class Meta:
        db_table = "stripe_invoice_payments"
        verbose_name = "invoice payment at Stripe"
        verbose_name_plural = "invoice payments at Stripe"
        indexes = [
            models.Index(fields=["stripe_invoice_id"], name="invoice_payment_invoice"),
            models.Index(fields=["stripe_payment_intent_id"], name="invoice_payment_intent"),
            models.Index(fields=["stripe_charge_id"], name="invoice_payment_charge"),
        ]

    def __str__(self) -> str:
        return self.stripe_id


class BalanceTransaction(models.Model):
    """A movement in Stripe's own ledger: what the money really did."""

    stripe_id = models.CharField(max_length=255, unique=True)
    type = models.CharField(max_length=60)
    reporting_category = models.CharField(max_length=60)
    source_id = models.CharField(max_length=255, blank=True)
    amount_cents = CentsField()
    fee_cents = CentsField()
    net_cents = CentsField()
    currency = CurrencyField()
    exchange_rate = models.DecimalField(max_digits=20, decimal_places=10, null=True, blank=True)
    fee_details = models.JSONField(default=list)
    description = models.TextField(blank=True)
    stripe_payout_id = models.CharField(max_length=255, blank=True)
    available_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    objects = BalanceTransactionQuerySet.as_manager()

    class Meta:
        db_table = "balance_transactions"
        constraints = [
            models.CheckConstraint(
                condition=Q(net_cents=F("amount_cents") - F("fee_cents")), name="balance_net_is_amount_less_fee"
            ),
            models.CheckConstraint(condition=is_currency(), name="balance_currency_is_iso"),
        ]
        indexes = [
            models.Index(fields=["created_at"], name="balance_by_time"),
            models.Index(fields=["source_id"], name="balance_by_source"),
            models.Index(fields=["stripe_payout_id"], name="balance_by_payout"),
        ]

    def __str__(self) -> str:
        return self.stripe_id


class Payout(models.Model):
    stripe_payout_id = models.CharField(max_length=255, unique=True)
    amount_cents = CentsField()
    currency = CurrencyField()
    status = models.CharField(max_length=20)
    arrival_date = models.DateField(null=True)
    failure_code = models.CharField(max_length=60, blank=True)
    failure_message = models.TextField(blank=True)
    is_automatic = models.BooleanField(default=True)
    method = models.CharField(max_length=40, blank=True)
    reconciliation_status = models.CharField(max_length=40, blank=True)
    stripe_balance_transaction_id = models.CharField(max_length=255, blank=True)
    contents_fetched_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    objects = PayoutQuerySet.as_manager()

    class Meta:
        db_table = "payouts"

    def __str__(self) -> str:
        return self.stripe_payout_id
