"""The only writer of this app's tables. Each call is keyword-only, one transaction, and returns what it made."""

from __future__ import annotations

from invoices.services.copying import (
    add_stripe_customer,
    copy_stripe_credit_note,
    copy_stripe_customer,
    copy_stripe_invoice,
    copy_stripe_lines,
)
from invoices.services.correcting import (
    CreditedMeanwhile,
    CreditExceedsInvoice,
    CreditLine,
    MoreThanWasPaid,
    NotOpen,
    SomethingWasPaid,
    Split,
    issue_credit_note,
    left_to_credit,
    let_keep_the_rest,
    void_invoice,
    write_off_invoice,
)
from invoices.services.drafting import (
    CannotBeAsked,
    NewLine,
    NotADraft,
    draft_invoice,
    duplicate_invoice,
    recalculate_draft,
)
from invoices.services.issuing import NothingToIssue, TaxNotExplained, issue_invoice, issue_invoices
from invoices.services.noting import NotNotable, write_notes
from invoices.services.sending import (
    NoAddress,
    NotSendable,
    OnItsWay,
    SentAlready,
    mark_sent,
    queue_credit_note,
    queue_invoice,
    resend,
)
from invoices.services.settling import MoreThanIsDue, NotPayable, settle_invoice

__all__ = [
    "CannotBeAsked",
    "CreditExceedsInvoice",
    "CreditLine",
    "CreditedMeanwhile",
    "MoreThanIsDue",
    "MoreThanWasPaid",
    "NewLine",
    "NoAddress",
    "NotADraft",
    "NotNotable",
    "NotOpen",
    "NotPayable",
    "NotSendable",
    "NothingToIssue",
    "OnItsWay",
    "SentAlready",
    "SomethingWasPaid",
    "Split",
    "TaxNotExplained",
    "add_stripe_customer",
    "copy_stripe_credit_note",
    "copy_stripe_customer",
    "copy_stripe_invoice",
    "copy_stripe_lines",
    "draft_invoice",
    "duplicate_invoice",
    "issue_credit_note",
    "issue_invoice",
    "issue_invoices",
    "left_to_credit",
    "let_keep_the_rest",
    "mark_sent",
    "queue_credit_note",
    "queue_invoice",
    "recalculate_draft",
    "resend",
    "settle_invoice",
    "void_invoice",
    "write_notes",
    "write_off_invoice",
]
