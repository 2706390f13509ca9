"""Owns the page of invoices: drafts are forms, issued ones are read, buttons call the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils import timezone
from unfold.contrib.filters.admin import AllValuesCheckboxFilter, ChoicesCheckboxFilter
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminSingleDateWidget

from billing_site.kit.admin import (
    BackOfficeAdmin,
    DateRange,
    RowPageMixin,
    TotalsMixin,
    View,
    confirmed,
    link_column,
    money_column,
    stripe_link,
)
from billing_site.kit.admin.searching import ExactSearchMixin
from billing_site.kit.exports import ExportMixin
from invoices.admin import columns, sending
from invoices.admin.credit_notes import issue_credit_note_button
from invoices.admin.days import LastDayField, refuse_disorder
from invoices.admin.discounts import DiscountField, DiscountForm
from invoices.admin.lines import LineInline, as_new_rows, totals_while_typing, write_lines
from invoices.admin.noting import notes_button, notes_cell
from invoices.admin.paper import drawn_document, paper_of
from invoices.admin.prints import PrintsMixin, is_paid
from invoices.enums import InvoiceStatus, Language, Origin
from invoices.models import Invoice, Seller
from invoices.resources import InvoiceResource
from invoices.services import (
    duplicate_invoice,
    issue_invoice,
    recalculate_draft,
    void_invoice,
    write_off_invoice,
)

_DRAFT = (
    (
        None,
        {
            "fields": (
                ("customer", "seller"),
                ("currency", "payment_terms_days"),
                ("billing_period_start", "billing_period_end"),
                ("purchase_order", "contract_reference"),
            )
        },
    ),
    (
        "Tax, discount and wording",
        {
            "fields": (("rounding", "tax_inclusive"), ("discount", "language"), "tax_note", "notes"),
            "classes": ("collapse",),
        },
    ),
)
_ISSUED = (
    (
        None,
        {
            "fields": (
                ("customer", "seller"),
                ("origin", "language"),
                ("rounding", "tax_inclusive"),
                ("stripe_page", "user_id"),
                "notes_kept",
            )
        },
    ),
)


SEARCHED_IDS = {
    "in": "stripe_invoice_id",
    "cus": "customer__stripe_customer_id",
    "cn": "credit_notes__stripe_credit_note_id",
}
"""Where an id of Stripe's is looked for, by its beginning; higher floors add theirs."""


def is_draft(invoice: Invoice) -> bool:
    return invoice.origin == Origin.NATIVE and invoice.status == InvoiceStatus.DRAFT


def is_open(invoice: Invoice) -> bool:
    return invoice.origin == Origin.NATIVE and invoice.status == InvoiceStatus.OPEN


def is_ours(invoice: Invoice) -> bool:
    return invoice.origin == Origin.NATIVE


class DraftForm(DiscountForm):
    discount_columns = ("document_discount_cents", "document_discount_rate")
    discount = DiscountField(label="Document discount", help_text="An amount or a percentage; spread over the lines.")
    language = forms.ChoiceField(
        choices=[("", "The customer's"), *Language.choices], required=False, widget=UnfoldAdminSelectWidget
    )
    billing_period_start = forms.DateField(
        label="First day of the period", required=False, widget=UnfoldAdminSingleDateWidget
    )
    billing_period_end = LastDayField(
        label="Last day of the period", required=False, widget=UnfoldAdminSingleDateWidget
    )

    def clean(self) -> Any:
        cleaned = super().clean()
        refuse_disorder(self, first="billing_period_start", last="billing_period_end")
        if "customer" in self.cleaned_data and not self.cleaned_data.get("language"):
            self.cleaned_data["language"] = self.cleaned_data["customer"].language
        return cleaned


@admin.register(Invoice)
class InvoiceAdmin(ExactSearchMixin, PrintsMixin, RowPageMixin, TotalsMixin, ExportMixin, BackOfficeAdmin):
    form = DraftForm
    list_display = (
        columns.number,
        link_column("customer"),
        columns.status,
        "issue_date",
        "due_date",
        money_column("total_cents", "Total"),
        money_column("amount_paid_cents", "Paid"),
        money_column("amount_due_cents", "Due"),
        sending.sent,
    )
    list_filter = (
        ("status", ChoicesCheckboxFilter),
        ("currency", AllValuesCheckboxFilter),
        ("origin", ChoicesCheckboxFilter),
        sending.SentFilter,
        ("issue_date", DateRange),
        ("due_date", DateRange),
    )
    list_select_related = ("customer",)
    search_fields = ("invoice_number", "customer__name", "stripe_invoice_id")
    search_help_text = "Number, customer, amount such as 1,234.50, or Stripe id"
    search_amounts = ("total_cents", "amount_due_cents")
    search_ids = SEARCHED_IDS
    ordering = ("-issue_date", "-pk")  # as the index has it: what is not issued yet comes first
    views = (
        View("Drafts", "drafts"),
        View("Open", "outstanding"),
        View("Overdue", "overdue", dated=True),
        View("Paid", "paid"),
        View("Not sent", "not_sent"),
    )
    totals = ("total_cents", "amount_paid_cents", "amount_due_cents")
    resource_classes = (InvoiceResource,)
    autocomplete_fields = ("customer",)
    inlines = (LineInline,)
    fieldsets = _DRAFT
    shows_history = True
    change_form_outer_before_template = "admin/invoices/paper.html"
    change_form_after_template = "admin/invoices/document.html"
    issue = confirmed(
        "Issue",
        do=issue_invoice,
        permission="invoices.issue_invoice",
        reason="none",
        done="Issued",
        explanation="Each draft gets its number and today's date, and can no longer be changed.",
    )
    void = confirmed(
        "Void",
        do=void_invoice,
        permission="invoices.void_invoice",
        done="Voided",
        explanation="The invoice keeps its number and asks for nothing any more.",
    )
    write_off = confirmed(
        "Write off",
        do=write_off_invoice,
        permission="invoices.write_off_invoice",
        done="Written off",
        explanation="What is still due is given up.",
        money=("amount_due_cents",),
    )
    duplicate = confirmed(
        "Duplicate",
        do=duplicate_invoice,
        permission="invoices.add_invoice",
        reason="none",
        done="Duplicated as a new draft",
    )
    send = sending.send_invoice
    actions = (issue, send, void, write_off, duplicate)
    issue_credit_note = issue_credit_note_button
    resend, mark_sent, notes = sending.resend_button, sending.mark_sent_button, notes_button
    actions_detail = ("preview", "stamped", "resend", "mark_sent", "notes", "issue_credit_note")
    offered_when = {
        **sending.OFFERED_WHEN,
        "preview": is_draft,
        "stamped": is_paid,
        "issue": is_draft,
        "void": lambda invoice: is_open(invoice) and not invoice.amount_paid_cents and not invoice.credited_cents,
        "write_off": is_open,
        "notes": lambda _invoice: False,  # its button is the link beside the notes
        "duplicate": is_ours,
        "issue_credit_note": lambda invoice: (
            is_ours(invoice) and invoice.status not in {InvoiceStatus.DRAFT, InvoiceStatus.VOID}
        ),
    }

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).with_delivery_state()

    # --- Drafts are forms, everything else is read ---

    def has_change_permission(self, request: HttpRequest, obj: Invoice | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or is_draft(obj))

    def has_delete_permission(self, request: HttpRequest, obj: Invoice | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or is_draft(obj))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Drafts are deleted one by one: a list may hold issued invoices."""
        return {name: found for name, found in super().get_actions(request).items() if name != "delete_selected"}

    def get_fieldsets(self, request: HttpRequest, obj: Invoice | None = None) -> Any:  # noqa: ARG002
        return _DRAFT if obj is None or is_draft(obj) else _ISSUED

    def get_readonly_fields(self, request: HttpRequest, obj: Invoice | None = None) -> Any:  # noqa: ARG002
        return () if obj is None or is_draft(obj) else ("stripe_page", "notes_kept")

    def get_inlines(self, request: HttpRequest, obj: Invoice | None = None) -> Any:  # noqa: ARG002
        return self.inlines if obj is None or is_draft(obj) else ()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Start from the usual seller, whose terms are the usual ones."""
        seller = Seller.objects.order_by("-is_default", "pk").first()
        usual = {"seller": seller.pk, "payment_terms_days": seller.payment_terms_days} if seller else {}
        return {"language": "", **usual, **super().get_changeform_initial_data(request)}

    def save_model(self, request: HttpRequest, obj: Invoice, form: Any, change: bool) -> None:  # noqa: FBT001
        if not change:
            obj.metadata = {"drafted_by": request.user.get_username()}
            obj.user_id = obj.customer.user_id
        super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:  # noqa: ARG002, FBT001
        write_lines(formset)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001
        super().save_related(request, form, formsets, change)
        recalculate_draft(invoice=form.instance)

    def response_add(self, request: HttpRequest, obj: Invoice, post_url_continue: str | None = None) -> HttpResponse:  # noqa: ARG002
        """Stay with the new draft: what follows is looking at it and issuing it."""
        messages.success(request, f"{obj} is saved. Look at it, then issue it.")
        return HttpResponseRedirect(reverse("admin:invoices_invoice_change", args=[obj.pk]))

    # --- What the page shows besides ---

    def stripe_page(self, invoice: Invoice) -> Any:
        return stripe_link("stripe_invoice_id")(invoice)

    stripe_page.short_description = "Stripe"  # type: ignore[attr-defined]

    def notes_kept(self, invoice: Invoice) -> Any:
        return notes_cell(invoice)

    notes_kept.short_description = "Notes"  # type: ignore[attr-defined]

    def row_context(self, request: HttpRequest, row: Invoice) -> dict[str, Any]:  # noqa: ARG002
        if is_draft(row):
            return {"document": drawn_document(row)}
        return {"paper": paper_of(row, on=timezone.localdate())}

    def get_custom_urls(self) -> Any:
        return (("sums/", "invoices_invoice_sums", self.sums),)

    def sums(self, request: HttpRequest, model_admin: Any) -> JsonResponse:  # noqa: ARG002 - the theme's signature
        """Tell what a draft comes to while it is typed; the same computation as when it is saved."""
        if request.method != "POST" or not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        invoice = Invoice()
        form = self.get_form(request, None)(request.POST, instance=invoice)
        rows = LineInline(Invoice, self.admin_site).get_formset(request, None)
        typed = rows(data=as_new_rows(request.POST), instance=Invoice(), prefix="lines")
        return totals_while_typing(invoice, form, typed)

    class Media:
        js = ("brand/draft_sums.js",)
