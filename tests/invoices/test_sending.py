"""Sending: one mail for each delivery, with the kept PDF, in the customer's language, and never twice."""

from __future__ import annotations

import datetime as dt
import hashlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from email import message_from_string
from email.header import decode_header, make_header

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection, transaction

from billing_site.kit.models import JobRun
from invoices import sending
from invoices.documents import keep_document
from invoices.enums import Channel
from invoices.models import CreditNote, Delivery, Document, Invoice
from invoices.sending import MailServerAway, send_delivery
from invoices.services import (
    NoAddress,
    NotSendable,
    OnItsWay,
    SentAlready,
    mark_sent,
    queue_credit_note,
    queue_invoice,
    resend,
    void_invoice,
)
from invoices.services.sending import PATIENCE, WAITS, claim_delivery, note_silence, record_sent
from invoices.tasks import send_deliveries
from payments.services import record_manual_payment
from tests.back_office import a_credit_note, a_stripe_invoice
from tests.books import NOW, a_customer, a_draft, a_seller, an_invoice
from tests.invoices.post_office import PostOffice, open_office

pytestmark = pytest.mark.django_db
TO = "rechnung@nordlicht.example"


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path) -> None:
    disk = {"BACKEND": "billing_site.kit.files.PrivateDisk", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = {**settings.STORAGES, "default": disk}


@pytest.fixture(autouse=True)
def office(settings) -> Iterator[PostOffice]:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.DEFAULT_FROM_EMAIL = "billing@mail.parcelbase.example"
    office, server = open_office()
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", office.port, 5
    yield office
    server.shutdown()
    server.server_close()


def a_paper(name: str = "Nordlicht Grundbuch AG", language: str = "en", email: str = TO, **fields) -> Invoice:
    """An issued invoice whose document is kept."""
    customer = fields.pop("customer", None) or a_customer(name=name, language=language, email=email)
    invoice = an_invoice("100.00", customer=customer, **fields)
    document(invoice)
    return invoice


def document(paper, content: bytes = b"%PDF-1.7 paper") -> Document:
    kind = "invoice" if isinstance(paper, Invoice) else "credit_note"
    name = default_storage.save(f"papers/{paper}.pdf", ContentFile(content))
    sha256 = hashlib.sha256(content).hexdigest()
    return Document.objects.create(**{kind: paper}, kind=kind, file_name=name, sha256=sha256, size_bytes=len(content))


def paid(invoice: Invoice, cents: int) -> None:
    record_manual_payment(
        customer=invoice.customer,
        amount_cents=cents,
        currency=invoice.currency,
        received_at=NOW,
        method="bank transfer",
        reference=str(invoice),
        now=NOW,
        by="ada",
        invoice=invoice,
    )


def plain(mail) -> str:
    """The text of a mail, every kind of space written as one."""
    return " ".join(mail.get_body(("plain",)).get_content().split())


def queued(invoice: Invoice | None = None, now: dt.datetime = NOW) -> Delivery:
    return queue_invoice(invoice=invoice or a_paper(), by="ada", now=now)


def sent(invoice: Invoice | None = None) -> Delivery:
    delivery = queued(invoice)
    send_delivery(delivery=delivery, now=NOW)
    delivery.refresh_from_db()
    return delivery


def attempt(delivery: Delivery, at: dt.datetime = NOW) -> Delivery:
    send_delivery(delivery=delivery, now=at)
    delivery.refresh_from_db()
    return delivery


# --- The mail ----------------------------------------------------------------------------------------------------


def test_an_invoice_arrives_with_its_pdf(office):
    invoice = an_invoice("100.00", customer=a_customer(email=TO))
    kept = keep_document(paper=invoice)
    delivery = sent(invoice)
    (mail,) = office.mails
    (pdf,) = mail.iter_attachments()
    assert (mail["to"], mail["subject"]) == (TO, f"Invoice {invoice} from Parcelbase")
    assert (mail["from"], mail["reply-to"]) == (
        "Parcelbase <billing@mail.parcelbase.example>",
        "billing@parcelbase.example",
    )
    assert (pdf.get_content_type(), pdf.get_filename()) == ("application/pdf", f"{invoice}.pdf")
    assert hashlib.sha256(pdf.get_content()).hexdigest() == kept.sha256 == delivery.document_sha256
    assert (delivery.state, delivery.sent_at, delivery.message_id) == ("sent", NOW, mail["message-id"])


def test_the_log_keeps_the_mail_as_it_was_sent(office):
    delivery = sent()
    (mail,) = office.mails
    assert mail["subject"] == delivery.subject
    assert mail.get_body(("plain",)).get_content().splitlines() == delivery.body_text.splitlines()
    assert mail.get_body(("html",)).get_content().splitlines() == delivery.body_html.splitlines()


@pytest.mark.parametrize(
    ("language", "subject", "asks"),
    [
        ("en", "Invoice {} from Parcelbase", "Please pay €100.00 by 1 December 2026."),
        ("de", "Rechnung {} von Parcelbase", "Bitte zahlen Sie 100,00 € bis zum 1. Dezember 2026."),
        ("fr", "Facture {} de Parcelbase", "Merci de régler 100,00 € au plus tard le 1 décembre 2026."),
        ("es", "Factura {} de Parcelbase", "Le rogamos que abone 100,00 € a más tardar el 1 de diciembre de 2026."),
        ("ja", "【Parcelbase】請求書 {}", "2026年12月1日までに€100.00をお支払いくださいますよう、お願い申し上げます。"),
    ],
)
def test_the_mail_speaks_the_language_of_the_customer(office, language, subject, asks):
    delivery = sent(a_paper(language=language))
    (mail,) = office.mails
    assert mail["subject"] == subject.format(delivery.invoice)
    for part in ("plain", "html"):
        assert asks in mail.get_body((part,)).get_content().replace("\xa0", " ").replace("\u202f", " ")


def test_the_mail_loads_nothing_from_elsewhere(office):
    html = sent().body_html
    assert not any(word in html for word in ("http", "src=", "<img", "<link", "<script", "url("))


def test_what_is_paid_already_is_not_asked_for_again(office):
    invoice = a_paper()
    paid(invoice, 3000)
    assert "€70.00 of it is still to be paid, by 1 December 2026." in sent(invoice).body_text
    settled = a_paper()
    paid(settled, 10000)
    text = sent(settled).body_text
    assert "Nothing remains to be paid." in text
    assert "IBAN" not in text


def test_a_credit_note_is_sent_too(office):
    note = a_credit_note()
    type(note.invoice.customer).objects.filter(pk=note.invoice.customer_id).update(email=TO, language="de")
    document(note)
    delivery = queue_credit_note(credit_note=note, by="ada", now=NOW)
    send_delivery(delivery=Delivery.objects.get(pk=delivery.pk), now=NOW)
    (mail,) = office.mails
    assert mail["subject"] == f"Rechnungskorrektur {note} von Parcelbase"
    assert "Wir schreiben Ihnen 10,00 € gut." in plain(mail)
    assert not CreditNote.objects.not_sent().exists()


# --- Names from outside ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["Evil\r\nBcc: thief@example.com", "Evil\nSubject: free", "a\u2028b", "bell\x07\x1b", 'quo"ted\\ <a@b.c>, x'],
)
def test_a_name_cannot_write_a_header(office, name):
    seller = a_seller(name=name, legal_name=name)
    sent(a_paper(seller=seller, name=name))
    (mail,) = office.mails
    assert office.recipients == [TO]
    assert (mail["bcc"], len(mail.get_all("subject")), len(mail.get_all("from"))) == (None, 1, 1)
    assert mail["from"].addresses[0].addr_spec == "billing@mail.parcelbase.example"
    assert str(mail["subject"]).isprintable()


@pytest.mark.parametrize(
    "address", ["a@b.example\nBcc: x@y.example", "nobody", "two@a.example, b@c.example", "a b@c.de"]
)
def test_an_address_that_is_none_is_refused_by_name(address):
    invoice = a_paper(email=address)
    with pytest.raises(
        NoAddress, match=rf"valid e-mail address.*/admin/invoices/customer/{invoice.customer_id}/change/"
    ):
        queued(invoice)


def test_a_name_of_300_letters_fits_a_header(office):
    customer = a_customer(name="é" * 200, bill_to_name="ö" * 200, email=TO)
    invoice = a_paper(seller=a_seller(name="Ä" * 120, legal_name="Ä" * 160), customer=customer)
    delivery = sent(invoice)
    head = office.letters[0].partition(b"\r\n\r\n")[0].decode()
    shown = str(make_header(decode_header(message_from_string(head)["from"])))
    assert max(map(len, head.splitlines())) <= 998
    assert shown == f"{'Ä' * 69}… <billing@mail.parcelbase.example>"
    assert office.mails[0]["subject"].lstrip() == delivery.subject == f"Invoice {invoice} from {'Ä' * 69}…"


def test_names_from_right_to_left_stay_apart(office):
    sent(a_paper(name="\u202eشركة السجل العقاري", seller=a_seller(name="דואר ישראל")))
    (mail,) = office.mails
    assert mail["subject"].endswith("from \u2068דואר ישראל\u2069")  # noqa: RUF001 - Hebrew is meant
    assert "\u202e" not in mail.get_body(("plain",)).get_content()
    assert "Bill to: \u2068شركة السجل العقاري\u2069" in mail.get_body(("plain",)).get_content()


def test_html_in_a_name_stays_a_name(office):
    html = sent(a_paper(name="<script>alert(1)</script> & Söhne")).body_html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Söhne" in html


# --- What is sent, and what is not -------------------------------------------------------------------------------


def test_a_customer_without_an_address_is_named_with_the_page_to_correct():
    invoice = a_paper(email="")
    with pytest.raises(
        NoAddress, match=rf"Nordlicht.*has no valid.*/admin/invoices/customer/{invoice.customer_id}/change/"
    ):
        queued(invoice)
    type(invoice.customer).objects.filter(pk=invoice.customer_id).update(email=TO)
    assert queued(Invoice.objects.get(pk=invoice.pk)).recipient == TO


@pytest.mark.parametrize("make", [lambda: a_draft("1.00"), a_stripe_invoice])
def test_drafts_and_stripes_own_are_not_sent(make):
    with pytest.raises(NotSendable):
        queued(make())


def test_a_void_invoice_is_not_sent(office):
    waiting = queued()
    for invoice in (waiting.invoice, a_paper()):
        void_invoice(invoice=invoice, now=NOW, by="ada", reason="x")
    with pytest.raises(NotSendable, match="asks for nothing"):
        queued(Invoice.objects.exclude(pk=waiting.invoice_id).get())
    send_deliveries()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.error, office.mails) == ("failed", "It was voided before it was sent.", [])


def test_without_its_pdf_a_mail_waits(office):
    invoice = an_invoice("100.00", customer=a_customer(email=TO))
    delivery = queued(invoice)
    send_deliveries()
    assert office.mails == []
    document(invoice)
    send_deliveries()
    delivery.refresh_from_db()
    assert (delivery.state, len(office.mails)) == ("sent", 1)


def test_a_damaged_pdf_is_not_sent(office):
    delivery = queued()
    with default_storage.open(delivery.document.file_name, "wb") as file:
        file.write(b"%PDF-1.7 another amount")
    attempt(delivery)
    assert (delivery.state, delivery.attempts, office.mails) == ("queued", 1, [])
    assert "sha256" in delivery.error


# --- Never twice -------------------------------------------------------------------------------------------------


def test_sending_twice_is_refused_before_and_after(office):
    delivery = queued()
    with pytest.raises(OnItsWay):
        queued(delivery.invoice)
    attempt(delivery)
    with pytest.raises(SentAlready, match="Resend"):
        queued(delivery.invoice)
    send_deliveries()
    assert (send_delivery(delivery=delivery, now=NOW), len(office.mails)) == ("", 1)


@pytest.mark.django_db(transaction=True)
def test_eight_workers_send_one_mail(office):
    delivery = queued()

    def work(_: int) -> str:
        try:
            return send_delivery(delivery=Delivery.objects.get(pk=delivery.pk), now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as workers:
        assert sorted(workers.map(work, range(8))) == [""] * 7 + ["sent"]
    assert len(office.mails) == 1


@pytest.mark.django_db(transaction=True)
def test_a_double_click_queues_one_delivery():
    invoice = a_paper()

    def click(_: int) -> str:
        try:
            return str(queue_invoice(invoice=invoice, by="ada", now=NOW).pk)
        except OnItsWay:
            return ""
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as clicks:
        assert sorted(map(bool, clicks.map(click, range(4)))) == [False, False, False, True]
    assert Delivery.objects.count() == 1


def test_a_worker_killed_after_the_servers_ok_sends_nothing_twice(office, monkeypatch):
    """The claim is on record, the outcome is not: what a worker leaves that dies between the two."""
    delivery = queued()

    def killed(**_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as death, pytest.raises(KeyboardInterrupt):
        death.setattr(sending, "record_sent", killed)
        send_delivery(delivery=delivery, now=NOW)
    assert len(office.mails) == 1
    assert note_silence(now=NOW + PATIENCE) == 0
    assert note_silence(now=NOW + PATIENCE + dt.timedelta(seconds=1)) == 1
    send_deliveries()
    delivery.refresh_from_db()
    assert (delivery.state, len(office.mails)) == ("unknown", 1)
    assert "may have gone out, or not" in delivery.error


def test_a_late_word_settles_what_was_unknown(office, monkeypatch):
    delivery = queued()
    send_delivery(delivery=delivery, now=NOW)
    late = queued(a_paper())
    with monkeypatch.context() as slow:
        slow.setattr(sending, "record_sent", lambda **_: None)
        send_delivery(delivery=late, now=NOW)
    note_silence(now=NOW + dt.timedelta(hours=1))
    assert record_sent(delivery=late, now=NOW)
    late.refresh_from_db()
    assert late.state == "sent"


def test_a_server_that_hangs_up_after_the_mail_leaves_it_unknown(office):
    office.hangs_up = True
    delivery = sent()
    assert (delivery.state, len(office.mails)) == ("unknown", 1)
    office.hangs_up = False
    send_deliveries()
    assert len(office.mails) == 1


def test_a_server_that_never_greets_is_left_and_tried_again(settings, office):
    """Nothing was handed over, so nothing can have gone out."""
    settings.EMAIL_TIMEOUT, office.is_silent = 0.2, True
    delivery = queued()
    with pytest.raises(MailServerAway):
        attempt(delivery)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.next_attempt_at) == ("queued", 1, NOW + WAITS[0])
    office.is_silent = False
    office.wakes.set()
    assert attempt(delivery, NOW + WAITS[0]).state == "sent"
    assert len(office.mails) == 1


def test_a_server_that_falls_silent_after_the_mail_is_left_and_not_tried_again(settings, office):
    settings.EMAIL_TIMEOUT, office.is_silent_after_mail = 0.2, True
    delivery = sent()
    office.wakes.set()
    office.is_silent_after_mail = False
    send_deliveries()
    assert (delivery.state, len(office.mails)) == ("unknown", 1)
    assert "it may have gone out, or not" in delivery.error


def test_a_rude_goodbye_takes_nothing_back(office):
    office.to_goodbye = (500, "go away")
    assert sent().state == "sent"


def test_resending_is_a_new_row_with_a_reason_once(office):
    first = sent()
    again = resend(delivery=first, reason="Customer lost it", by="ada", now=NOW)
    with pytest.raises(SentAlready):
        resend(delivery=first, reason="Second click", by="ada", now=NOW)
    with pytest.raises(OnItsWay):
        resend(delivery=again, reason="Impatience", by="ada", now=NOW)
    attempt(again)
    assert (again.follows, again.state, again.reason, len(office.mails)) == (first, "sent", "Customer lost it", 2)
    assert len({mail["message-id"] for mail in office.mails}) == 2


def test_resending_goes_to_the_address_of_today_or_the_one_given(office):
    first = sent()
    type(first.invoice.customer).objects.update(email="new@nordlicht.example")
    second = resend(delivery=first, reason="Moved", by="ada", now=NOW)
    attempt(second)
    third = resend(delivery=second, reason="Moved", by="ada", now=NOW, recipient="third@nordlicht.example")
    assert (second.recipient, third.recipient) == ("new@nordlicht.example", "third@nordlicht.example")
    with pytest.raises(NoAddress):
        resend(delivery=attempt(third), reason="Moved", by="ada", now=NOW, recipient="a\nb@c.example")


# --- When the mail server says no --------------------------------------------------------------------------------


def test_a_mail_server_that_is_away_is_tried_again_with_growing_patience(settings):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        settings.EMAIL_PORT = closed.getsockname()[1]
    delivery, now = queued(), NOW
    for n, wait in enumerate(WAITS, start=1):
        with pytest.raises(MailServerAway):
            send_delivery(delivery=delivery, now=now)
        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts, delivery.next_attempt_at) == ("queued", n, now + wait)
        assert send_delivery(delivery=delivery, now=now + wait - dt.timedelta(seconds=1)) == ""
        now += wait
    with pytest.raises(MailServerAway):
        send_delivery(delivery=delivery, now=now)
    delivery.refresh_from_db()
    assert delivery.state == "failed"
    assert delivery.error.startswith("Given up after 8 attempts. The mail server does not take mail now")


def test_the_sweep_stops_at_a_mail_server_that_is_away_and_says_so(settings, office):
    queued()
    queued(a_paper())
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, 1
    send_deliveries()
    assert "The mail server does not take mail now" in JobRun.objects.latest("pk").outcome
    assert sorted(Delivery.objects.values_list("attempts", flat=True)) == [0, 1]
    settings.EMAIL_PORT = port
    send_deliveries()
    assert JobRun.objects.latest("pk").outcome == "1 sent"


@pytest.mark.parametrize(
    ("code", "state", "attempts"), [(550, "failed", 1), (553, "failed", 1), (450, "queued", 1), (421, "queued", 1)]
)
def test_a_refused_recipient_fails_for_good_and_a_busy_one_is_tried_again(office, code, state, attempts):
    office.to_recipient[TO] = (code, "No such\tuser here")
    delivery = sent()
    assert (delivery.state, delivery.attempts, office.mails) == (state, attempts, [])
    assert delivery.error == f"The mail server refused {TO}: {code} No such user here"


@pytest.mark.parametrize(("code", "state"), [(552, "failed"), (451, "queued")])
def test_a_refused_mail_is_said(office, code, state):
    office.to_mail = (code, "too large")
    delivery = sent()
    assert (delivery.state, delivery.error) == (state, f"The mail server refused {TO}: {code} too large")


def test_a_refused_sender_fails(office):
    office.to_sender = (530, "Authentication required")
    assert sent().state == "failed"


def test_one_refusal_holds_nobody_else_up(office):
    office.to_recipient["gone@nordlicht.example"] = (550, "gone")
    queued(a_paper(email="gone@nordlicht.example"))
    queued()
    send_deliveries()
    assert office.recipients == [TO]
    assert JobRun.objects.latest("pk").outcome == "1 failed; 1 sent"


def test_a_sweep_without_work_says_so():
    send_deliveries()
    assert JobRun.objects.latest("pk").outcome == "Nothing to do."


# --- Without mail ------------------------------------------------------------------------------------------------


def test_what_went_by_post_counts_as_sent():
    invoice = a_paper()
    assert list(Invoice.objects.not_sent()) == [invoice]
    mark_sent(paper=invoice, channel=Channel.POST, reason="Registered letter", by="ada", now=NOW)
    assert not Invoice.objects.not_sent().exists()
    with pytest.raises(SentAlready, match="marked so already"):
        mark_sent(paper=invoice, channel=Channel.POST, reason="Registered letter", by="ada", now=NOW)
    with pytest.raises(SentAlready, match="Resend"):
        queued(invoice)


def test_what_is_on_its_way_is_not_marked():
    with pytest.raises(OnItsWay):
        mark_sent(paper=queued().invoice, channel=Channel.POST, reason="x", by="ada", now=NOW)


def test_not_sent_leaves_out_what_is_no_claim_of_ours(office):
    a_draft("1.00")
    a_stripe_invoice()
    void_invoice(invoice=an_invoice("1.00"), now=NOW, by="ada", reason="x")
    sent()
    waiting, failed, fresh = queued(a_paper()).invoice, a_paper(), an_invoice("1.00", tax_rate=Decimal("0.19"))
    office.to_recipient[TO] = (550, "no")
    attempt(queued(failed))
    assert set(Invoice.objects.not_sent()) == {waiting, failed, fresh}
    assert set(Invoice.objects.in_delivery("failed")) == {failed}


# --- What PostgreSQL keeps ---------------------------------------------------------------------------------------

_COPY = """INSERT INTO invoice_deliveries SELECT (jsonb_populate_record(d, jsonb_build_object(
    'id', gen_random_uuid(), {changed}))).* FROM invoice_deliveries d WHERE id = '{{id}}'"""


def copied(changed: str) -> str:
    return _COPY.format(changed=changed)


FORBIDDEN = {
    "deleted": "DELETE FROM invoice_deliveries WHERE id = '{id}'",
    "another recipient": "UPDATE invoice_deliveries SET recipient = 'x@y.example' WHERE id = '{id}'",
    "another text": "UPDATE invoice_deliveries SET body_text = 'x' WHERE id = '{id}'",
    "another document": "UPDATE invoice_deliveries SET document_sha256 = repeat('0', 64) WHERE id = '{id}'",
    "another person": "UPDATE invoice_deliveries SET requested_by = 'eve' WHERE id = '{id}'",
    "queued again": "UPDATE invoice_deliveries SET state = 'queued' WHERE id = '{id}'",
    "another day": "UPDATE invoice_deliveries SET sent_at = now() WHERE id = '{id}'",
    "emptied": "TRUNCATE invoice_deliveries",
    "first sent twice": copied("'state', 'queued'"),
    "repeated without a reason": copied("'state', 'queued', 'follows_id', d.id"),
    "born sent": copied("'follows_id', d.id, 'reason', 'x'"),
    "a draft": copied("'state', 'queued', 'invoice_id', {draft}"),
    "after another invoice": copied("'state', 'queued', 'invoice_id', {other}, 'follows_id', d.id, 'reason', 'x'"),
}


@pytest.mark.parametrize("name", sorted(FORBIDDEN))
def test_sql_cannot_rewrite_the_log(name):
    delivery, draft, other = sent(), a_draft("1.00"), an_invoice("1.00")
    before = list(Delivery.objects.values())
    refusal = r"log|cannot be|cannot become|cannot begin|sent_once|has_a_reason|another paper|permission denied"
    with pytest.raises(DatabaseError, match=refusal), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(FORBIDDEN[name].format(id=delivery.pk, draft=draft.pk, other=other.pk))
    assert list(Delivery.objects.values()) == before


def test_a_claim_cannot_be_taken_over():
    delivery = queued()
    Delivery.objects.filter(pk=delivery.pk).update(state="sending", claimed_at=NOW)
    with pytest.raises(DatabaseError, match="cannot be changed"), transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(state="sending", claimed_at=NOW + PATIENCE)


def test_a_claim_needs_a_waiting_row(office):
    delivery = sent()
    mail = sending._mail(delivery, delivery.document, sending.letter_for(sending.occasion_of(delivery)))
    assert claim_delivery(delivery=delivery, mail=mail, now=NOW) is False
