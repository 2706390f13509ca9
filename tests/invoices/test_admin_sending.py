"""The pages that send: a result for each row, one delivery for two clicks, and the mail as it was sent."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from invoices.models import Delivery, Invoice
from invoices.sending import send_delivery
from invoices.services import queue_invoice, void_invoice
from invoices.services.sending import note_silence
from tests.back_office import a_credit_note, a_document, a_stripe_invoice, signed_in, someone
from tests.books import NOW, a_customer, a_draft, an_invoice
from tests.invoices.test_admin_invoices import LIST, button_of, page_of, pressed

pytestmark = pytest.mark.django_db
TO = "rechnung@nordlicht.example"
LOG = "/admin/invoices/delivery/"


@pytest.fixture
def accountant():
    return signed_in(someone("Accountant"))


@pytest.fixture(autouse=True)
def quiet(settings, tmp_path):
    """Mail into the test's own memory, documents into its folder; nobody is nudged."""
    settings.CELERY_BROKER_URL = "memory://"
    disk = {"BACKEND": "billing_site.kit.files.PrivateDisk", "OPTIONS": {"location": str(tmp_path)}}
    settings.STORAGES = {**settings.STORAGES, "default": disk}


def to_send(email=TO, **fields) -> Invoice:
    return an_invoice("100.00", customer=a_customer(email=email, **fields))


def a_sent_one() -> Delivery:
    invoice = to_send()
    a_document(invoice)
    delivery = queue_invoice(invoice=invoice, by="ada", now=NOW)
    send_delivery(delivery=delivery, now=NOW)
    return Delivery.objects.get(pk=delivery.pk)


def chosen(*invoices):
    return {"_selected_action": [row.pk for row in invoices], "action": "send", "confirmed": "yes", "index": 0}


def buttons(client, paper, *names):
    page = client.get(page_of(paper)).content.decode()
    return {name for name in names if f"/{paper.pk}/{name}/" in page}


def test_a_selection_is_sent_with_a_result_for_each_row(accountant):
    good, void, nowhere, stripes = to_send(), to_send(), to_send(email=""), a_stripe_invoice()
    void_invoice(invoice=void, now=NOW, by="ada", reason="x")
    page = accountant.post(LIST, chosen(good, void, nowhere, stripes, a_draft("1.00"))).content.decode()
    assert Delivery.objects.get().invoice == good
    for told in (
        "On its way",
        "asks for nothing any more",
        "has no valid e-mail",
        "Stripe sends its own",
        "issue it first",
    ):
        assert told in page


def test_buttons_fit_the_state(accountant):
    every = ("send", "resend", "mark-sent")
    assert buttons(accountant, to_send(), *every) == {"send", "mark-sent"}
    assert buttons(accountant, queue_invoice(invoice=to_send(), by="ada", now=NOW).invoice, *every) == set()
    assert buttons(accountant, a_sent_one().invoice, *every) == {"resend", "mark-sent"}
    assert buttons(accountant, a_draft("1.00"), *every) == set()
    assert buttons(accountant, a_stripe_invoice(), *every) == set()
    assert buttons(accountant, a_credit_note(), *every) == {"send", "mark-sent"}


def test_who_may_not_send_presses_nothing():
    auditor, invoice = signed_in(someone("Auditor")), to_send()
    assert pressed(auditor, invoice, "send").status_code == 403
    assert auditor.post(button_of(invoice, "mark-sent"), {"channel": "post", "reason": "x"}).status_code == 403
    assert not Delivery.objects.exists()


def test_send_on_the_page_tells_and_shows(accountant):
    invoice = to_send()
    assert "On its way" in pressed(accountant, invoice, "send").content.decode()
    page = accountant.get(page_of(invoice)).content.decode()
    assert all(text in page for text in ("Deliveries", TO, "Waiting", "Waits for its PDF."))
    a_document(invoice)
    assert "Waits for a worker." in accountant.get(page_of(invoice)).content.decode()


def test_marking_asks_how_and_what(accountant):
    invoice = to_send(email="")
    assert "This field is required" in accountant.post(button_of(invoice, "mark-sent"), {}).content.decode()
    accountant.post(button_of(invoice, "mark-sent"), {"channel": "post", "reason": "Registered letter"})
    marked = Delivery.objects.get()
    assert (marked.state, marked.channel, marked.reason) == ("marked", "post", "Registered letter")
    assert "Post: Registered letter" in accountant.get(page_of(invoice)).content.decode()


def test_two_clicks_on_resend_make_one_delivery(accountant):
    first = a_sent_one()
    asked = button_of(first.invoice, "resend")
    form = accountant.get(asked).content.decode()
    assert f'value="{first.pk}"' in form
    assert f'value="{TO}"' in form
    typed = {"follows": first.pk, "recipient": "new@nordlicht.example", "reason": "Lost"}
    accountant.post(asked, typed)
    again = first.followed_by
    a = send_delivery(delivery=again, now=dt.datetime.now(dt.UTC))  # the worker is faster than the second click
    second = accountant.post(asked, typed).content.decode()
    assert (a, Delivery.objects.count(), again.recipient) == ("sent", 2, "new@nordlicht.example")
    assert "was sent again already" in second


def test_a_credit_note_has_the_same_buttons(accountant):
    note = a_credit_note()
    type(note.invoice.customer).objects.update(email=TO)
    pressed(accountant, note, "send")
    assert Delivery.objects.get().credit_note == note
    assert "Waits for its PDF." in accountant.get(page_of(note)).content.decode()


def test_what_nobody_knows_is_shown_and_not_resent(accountant):
    invoice = to_send()
    delivery = queue_invoice(invoice=invoice, by="ada", now=NOW)
    Delivery.objects.filter(pk=delivery.pk).update(state="sending", claimed_at=NOW)
    note_silence(now=NOW + dt.timedelta(hours=1))
    page = accountant.get(page_of(invoice)).content.decode()
    assert "Nothing is resent by itself" in page
    assert "may have gone out, or not" in page


def test_the_list_says_what_was_sent_and_asks_for_the_rest(accountant):
    sent, waiting, fresh = a_sent_one().invoice, to_send(), to_send()
    queue_invoice(invoice=waiting, by="ada", now=NOW)

    def shown(asked):
        page = accountant.get(f"{LIST}?{asked}").content.decode()
        return {invoice for invoice in (sent, waiting, fresh) if page_of(invoice) in page}

    assert shown("") == {sent, waiting, fresh}
    assert shown("view=not_sent") == shown("sent=no") == {waiting, fresh}
    assert (shown("sent=sent"), shown("sent=queued"), shown("sent=nonsense")) == (
        {sent},
        {waiting},
        {sent, waiting, fresh},
    )


def test_the_log_shows_the_mail_as_it_was_sent(accountant):
    delivery = a_sent_one()
    page = accountant.get(f"{LOG}{delivery.pk}/change/").content.decode()
    mail = accountant.get(reverse("delivery-mail", args=[delivery.pk]))
    text = accountant.get(reverse("delivery-mail", args=[delivery.pk]), {"part": "text"})
    assert (delivery.subject in page, reverse("delivery-mail", args=[delivery.pk]) in page) == (True, True)
    assert (mail.content.decode(), text.content.decode()) == (delivery.body_html, delivery.body_text)
    assert "default-src 'none'" in mail["Content-Security-Policy"]
    assert "script-src" not in mail["Content-Security-Policy"]


def test_a_waiting_mail_is_shown_as_it_would_read(accountant):
    delivery = queue_invoice(invoice=to_send(language="de"), by="ada", now=NOW)
    assert "as it would read now" in accountant.get(f"{LOG}{delivery.pk}/change/").content.decode()
    assert "Bitte zahlen Sie" in accountant.get(reverse("delivery-mail", args=[delivery.pk])).content.decode()


def test_mails_are_for_those_who_may_see_them(client):
    address = reverse("delivery-mail", args=[a_sent_one().pk])
    assert client.get(address).status_code == 302
    assert signed_in(someone()).get(address).status_code == 403


def test_failed_ones_are_resent_together_from_the_log(accountant):
    first, second = a_sent_one(), a_sent_one()
    asked = {"_selected_action": [first.pk, second.pk], "action": "resend", "confirmed": "yes", "index": 0}
    assert "Give a reason" in accountant.post(LOG, asked).content.decode()
    accountant.post(LOG, asked | {"reason": "Spam folder"})
    said = accountant.post(LOG, asked | {"reason": "Spam folder"}).content.decode()
    assert Delivery.objects.waiting().count() == 2
    assert "was sent again already" in said


@pytest.mark.parametrize("address", [LIST, LOG, "/admin/invoices/creditnote/"])
def test_a_list_costs_as_much_for_three_as_for_one(accountant, address):
    def grow():
        a_sent_one(), a_credit_note(), queue_invoice(invoice=to_send(), by="ada", now=NOW)

    def cost():
        with CaptureQueriesContext(connection) as queries:
            accountant.get(address)
        return len(queries)

    grow()
    accountant.get(address)
    one = cost()
    grow(), grow()
    assert cost() == one
