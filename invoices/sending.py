"""Sends what waits: one mail each, claimed before the mail server hears of it, with the kept PDF attached."""

from __future__ import annotations

import datetime as dt
import re
import smtplib
from email.utils import format_datetime, parseaddr
from typing import Any, cast

import structlog
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.template.loader import render_to_string

from invoices.documents import DocumentDamaged, open_document
from invoices.enums import DeliveryState
from invoices.letters import Letter, Occasion, Sender, letter_for, one_line
from invoices.models import CreditNote, Delivery, Document, Invoice
from invoices.services.sending import (
    Mail,
    claim_delivery,
    customer_of,
    record_failure,
    record_sent,
    record_unknown,
)

log = structlog.get_logger(__name__)

_NOT_TAKEN, _FOR_GOOD = 400, 500  # from here on a reply means that the mail was not taken, and never will be
_SILENT = "The mail server fell silent after it was given the mail: it may have gone out, or not."


class MailServerAway(Exception):
    """The mail server takes nothing now; what waits goes on waiting."""


def send_delivery(*, delivery: Delivery, now: dt.datetime) -> str:
    """Send one delivery and return the state it is left in; "" when another worker has it. Raises MailServerAway."""
    try:
        document, content = _paper_of(delivery)
        letter = letter_for(occasion_of(delivery))
        mail = _mail(delivery, document, letter)
    except Exception as error:  # nothing went out: whatever is wrong can be put right before the next attempt
        log.exception("mail_not_written", delivery=str(delivery.pk))
        return _failed(delivery, _why_not_written(error), is_final=False, now=now)
    if not claim_delivery(delivery=delivery, mail=mail, now=now):
        return ""
    return _hand_over(delivery, _message(delivery, mail, content, now=now), now=now)


def preview_mail(*, delivery: Delivery) -> tuple[str, str]:
    """Return the text and the HTML as they would go out now."""
    letter = letter_for(occasion_of(delivery))
    return letter.text, _html(letter)


def occasion_of(delivery: Delivery) -> Occasion:
    """Gather what the mail says: the paper's own copies, and what is still open on the invoice."""
    paper = delivery.paper
    invoice = paper if isinstance(paper, Invoice) else paper.invoice
    assert paper.issue_date is not None, "only issued papers are sent"  # noqa: S101
    common: dict[str, Any] = {
        "language": customer_of(paper).language,
        "currency": paper.currency,
        "total_cents": paper.total_cents,
        "issue_date": paper.issue_date,
        "sender": _sender(invoice),
        "customer": invoice.bill_to.get("name") or customer_of(paper).name,
    }
    if isinstance(paper, CreditNote):
        return Occasion(kind="credit_note", number=paper.number, corrects=str(invoice), open_cents=0, **common)
    return Occasion(
        kind="invoice",
        number=str(invoice),
        open_cents=invoice.amount_due_cents,
        due_date=invoice.due_date,
        period_start=invoice.billing_period_start,
        period_end=invoice.billing_period_end,
        purchase_order=invoice.purchase_order,
        **common,
    )


# --- Writing the mail --------------------------------------------------------------------------------------------


def _paper_of(delivery: Delivery) -> tuple[Document, bytes]:
    document = delivery.document
    assert document is not None, "what is due has its document"  # noqa: S101
    return document, open_document(document)


def _sender(invoice: Invoice) -> Sender:
    sold_by = invoice.sold_by
    tax_id = [sold_by["tax_id"]] if sold_by.get("tax_id") else []
    return Sender(
        name=sold_by["name"],
        legal_name=sold_by.get("legal_name") or sold_by["name"],
        imprint=(
            " · ".join([sold_by.get("legal_name") or sold_by["name"], *sold_by["address"]]),
            *([sold_by["registration"]] if sold_by.get("registration") else []),
            *tax_id,
        ),
        iban=sold_by.get("iban", ""),
        bic=sold_by.get("bic", ""),
    )


def _mail(delivery: Delivery, document: Document, letter: Letter) -> Mail:
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return Mail(
        subject=letter.subject,
        body_text=letter.text,
        body_html=_html(letter),
        message_id=f"<{delivery.pk}@{domain}>",  # the same on each attempt: a reader's mail program shows it once
        document_sha256=document.sha256,
    )


def _html(letter: Letter) -> str:
    return render_to_string("email/letter.html", {"letter": letter})


def _message(delivery: Delivery, mail: Mail, content: bytes, *, now: dt.datetime) -> EmailMultiAlternatives:
    sold_by = _invoice_of(delivery).sold_by
    message = EmailMultiAlternatives(
        subject=mail.subject,
        body=mail.body_text,
        from_email=_from(sold_by["name"]),
        to=[delivery.recipient],
        reply_to=[sold_by["email"]] if sold_by.get("email") else [],
        headers={"Message-ID": mail.message_id, "Date": format_datetime(now)},
    )
    message.attach_alternative(mail.body_html, "text/html")
    message.attach(_file_name(delivery), content, "application/pdf")
    return message


def _invoice_of(delivery: Delivery) -> Invoice:
    return delivery.invoice or cast("CreditNote", delivery.credit_note).invoice


def _from(name: str) -> str:
    """Show the seller's name over the address that our mail server may send for."""
    shown = one_line(name).translate(str.maketrans("", "", '"\\'))
    return f'"{shown}" <{parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}>'


def _file_name(delivery: Delivery) -> str:
    return re.sub(r"[^\w.-]+", "-", str(delivery.paper), flags=re.ASCII).strip("-.") + ".pdf"


def _why_not_written(error: Exception) -> str:
    if isinstance(error, DocumentDamaged | FileNotFoundError):
        return f"The kept PDF cannot be attached: {error}"
    return f"The mail could not be written ({type(error).__name__}: {error}); the log has the details."


# --- Handing it over ---------------------------------------------------------------------------------------------


def _hand_over(delivery: Delivery, message: EmailMultiAlternatives, *, now: dt.datetime) -> str:
    """Give the message to the mail server over a connection of its own, so that a silence means this mail only."""
    server = get_connection()
    try:
        server.open()
    except (OSError, smtplib.SMTPException) as error:
        _close(server)
        sentence = f"The mail server does not take mail now: {_reply_of(error)}"
        _failed(delivery, sentence, is_final=False, now=now)
        raise MailServerAway(sentence) from error
    try:
        server.send_messages([message])
    except Exception as error:  # noqa: BLE001 - each of them says what became of the mail, or that nobody knows
        return _refused(delivery, error, now=now)
    finally:
        _close(server)
    record_sent(delivery=delivery, now=now)
    return DeliveryState.SENT


def _refused(delivery: Delivery, error: Exception, *, now: dt.datetime) -> str:
    code = _code_of(error)
    if code is None:
        log.error("mail_fate_unknown", delivery=str(delivery.pk), exc_info=error)
        record_unknown(delivery=delivery, error=f"{_SILENT} ({_reply_of(error)})")
        return DeliveryState.UNKNOWN
    sentence = f"The mail server refused {delivery.recipient}: {_reply_of(error)}"
    return _failed(delivery, sentence, is_final=code >= _FOR_GOOD, now=now)


def _code_of(error: Exception) -> int | None:
    """Return the reply that says the mail was not taken; None where nothing said so."""
    if isinstance(error, smtplib.SMTPNotSupportedError | ValueError):
        return _FOR_GOOD  # said before anything was handed over: this address or text cannot be mailed
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = max(code for code, _text in error.recipients.values())
    else:
        code = error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else 0
    return code if code >= _NOT_TAKEN else None


def _reply_of(error: Exception) -> str:
    text: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
    elif isinstance(error, smtplib.SMTPResponseException):
        code, text = error.smtp_code, error.smtp_error
    else:
        return str(error) or type(error).__name__
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return f"{code} {' '.join(said.split())}"


def _failed(delivery: Delivery, sentence: str, *, is_final: bool, now: dt.datetime) -> str:
    return str(record_failure(delivery=delivery, error=sentence, is_final=is_final, now=now).state)


def _close(server: Any) -> None:
    """Say goodbye; what was taken stays taken, whatever is answered."""
    try:
        server.close()
    except (OSError, smtplib.SMTPException) as error:
        log.info("mail_server_left_in_a_hurry", error=str(error))
