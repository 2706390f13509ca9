"""What operators see of Stripe's door: its health, the inbox, the way from a row to what was said, the secrets."""

from __future__ import annotations

import datetime as dt
import uuid

import djstripe.models
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from payments.admin.health import advice, figures
from payments.admin.payloads import trouble_in_short
from payments.models import (
    AppliedVersion,
    BalanceTransaction,
    EventListing,
    MrrMovement,
    Payment,
    Payout,
    SigningSecret,
    StripeEvent,
    Subscription,
)
from payments.stripe.applying import apply_due_events
from payments.stripe.health import Need, stripe_health
from payments.stripe.sim import Sim
from tests.back_office import a_stripe_event, signed_in, someone, stripe_facts
from tests.books import NOW
from tests.payments.posting import keep
from tests.payments.stripe_story import START, live

pytestmark = pytest.mark.django_db
INBOX = "/admin/payments/stripeevent/"
SECRET = "whsec_" + "a1B2" * 8
LATER = NOW + dt.timedelta(days=365)


@pytest.fixture
def auditor():
    return signed_in(someone("Auditor"))


@pytest.fixture
def administrator():
    return signed_in(someone("Administrator"))


@pytest.fixture
def endpoint(settings):
    settings.STRIPE_WEBHOOK_SECRETS = []
    return djstripe.models.WebhookEndpoint.objects.create(
        id="we_1", secret="whsec_" + "own1" * 8, url="https://x.example", enabled_events=["*"], status="enabled"
    ).djstripe_uuid


def page_of(row):
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def shown(client, row):
    answer = client.get(page_of(row))
    assert answer.status_code == 200
    return answer.content.decode()


def the_books_of(tell):
    """Let something happen at Stripe and book every event of it."""
    sim = Sim()
    told = tell(sim)
    keep(sim.events(), now=NOW)
    apply_due_events(now=LATER)
    return told


def heard(**changed):
    """An event that came a minute ago, and was listed since."""
    now = timezone.now()
    EventListing.objects.create(listed_from=now, listed_until=now, found=1, kept=0, finished_at=now)
    a_stripe_event(received_at=now - dt.timedelta(minutes=1))
    return stripe_health(now=now + changed.get("after", dt.timedelta()))


# --- Health ------------------------------------------------------------------------------------------------------


def test_a_quiet_morning_needs_nobody():
    health = heard()
    assert health.needs == ()
    assert next(figure.value for figure in figures(health)) == "1\N{NO-BREAK SPACE}min ago"


def test_a_dead_letter_is_red_and_leads_to_itself():
    a_stripe_event("dead")
    (first, *_) = advice(heard())
    assert (first.tone, first.headline) == ("danger", "1 dead letter")
    assert first.url.endswith("?view=dead")


def test_silence_and_a_list_nobody_reads_are_said_in_words(settings):
    settings.STRIPE_API_KEY = "sk_test_x"
    health = heard(after=dt.timedelta(hours=26))
    assert health.needs == (Need.LISTING, Need.SILENCE)
    assert "No event for 26\N{NO-BREAK SPACE}h" in {one.headline for one in advice(health)}
    assert not health.is_urgent


def test_a_list_not_read_for_25_days_is_urgent(settings):
    settings.STRIPE_API_KEY = "sk_test_x"
    health = heard(after=dt.timedelta(days=26))
    assert health.is_urgent
    assert "30 days" in advice(health)[0].sentence


def test_without_a_key_nobody_waits_for_what_stripe_would_answer():
    a_stripe_event("applied", applied_at=NOW)
    assert stripe_health(now=NOW + dt.timedelta(hours=2)).needs == ()


def test_events_that_wait_for_long_ask_for_a_worker():
    a_stripe_event("pending", received_at=NOW)
    health = stripe_health(now=NOW + dt.timedelta(minutes=6))
    assert health.needs == (Need.BACKLOG,)
    assert "waited for 6\N{NO-BREAK SPACE}min" in advice(health)[0].sentence


def test_an_old_doubt_is_said(auditor):
    AppliedVersion.objects.create(stripe_id="sub_1", seen_created=1, doubted_at=NOW)
    assert Need.DOUBT in stripe_health(now=NOW + dt.timedelta(hours=2)).needs
    page = auditor.get("/admin/payments/appliedversion/?view=doubted").content.decode()
    assert "sub_1" in page


def test_health_costs_a_fixed_number_of_queries():
    def cost():
        with CaptureQueriesContext(connection) as asked:
            stripe_health(now=NOW)
        return len(asked)

    once = cost()
    for status in ("dead", "pending", "unhandled", "applied"):
        a_stripe_event(status)
    assert cost() == once <= 11


def test_the_strip_stands_above_the_inbox_and_the_card_on_the_start_page(auditor):
    a_stripe_event("dead")
    assert "1 dead letter" in auditor.get(INBOX).content.decode()
    assert "1 dead letter" in auditor.get("/admin/").content.decode()


def test_an_installation_without_events_says_what_comes_first(auditor):
    assert "Point a webhook of Stripe at this site." in auditor.get("/admin/").content.decode()


def test_machines_are_told_words_and_no_figures(client):
    assert client.get("/healthz/stripe").json() == {"status": "ok", "needs": []}
    a_stripe_event("dead", received_at=timezone.now())
    answer = client.get("/healthz/stripe")
    assert (answer.status_code, answer.json()) == (503, {"status": "failing", "needs": ["dead_letters"]})
    assert client.get("/healthz").status_code == 200


# --- The inbox ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("view", "status"),
    [("pending", "pending"), ("dead", "dead"), ("unhandled", "unhandled"), ("laid_aside", "skipped")],
)
def test_each_state_has_its_tab(auditor, view, status):
    for one in ("pending", "dead", "unhandled", "skipped", "applied"):
        a_stripe_event(one)
    listed = auditor.get(f"{INBOX}?view={view}").context["cl"].queryset
    assert [row.status for row in listed] == [status]


def test_an_event_is_found_by_its_id_and_by_its_object(auditor):
    wanted, _other = a_stripe_event(), a_stripe_event()
    for asked in (wanted.event_id, wanted.object_id):
        found = auditor.get(INBOX, {"q": asked}).context["cl"].queryset
        assert list(found) == [wanted]


def test_one_link_narrows_the_inbox_to_some_objects(auditor):
    first, second, _other = a_stripe_event(), a_stripe_event(), a_stripe_event()
    answer = auditor.get(INBOX, {"about": f"{first.object_id},{second.object_id}"})
    assert set(answer.context["cl"].queryset) == {first, second}
    assert "Only what is about" in answer.content.decode()


@pytest.mark.parametrize("asked", ["\x00", ",,,", "in_1\x00", "x" * 3000, "'"])
def test_a_link_that_was_tampered_with_is_no_fault(auditor, asked):
    a_stripe_event()
    assert auditor.get(INBOX, {"about": asked}).status_code in {200, 400}


def test_an_object_leads_to_our_row(auditor):
    the_books_of(lambda sim: sim.customer("Acorn", at=START))
    event = StripeEvent.objects.get(type="customer.created")
    answer = auditor.get(reverse("admin:payments_stripeevent_object", args=[event.object_id]))
    assert answer.url.startswith("/admin/invoices/customer/")
    assert "Acorn" in shown(auditor, event)


def test_an_object_without_a_row_leads_to_what_was_said_about_it(auditor):
    event = a_stripe_event("unhandled", object_id="pm_1")
    answer = auditor.get(reverse("admin:payments_stripeevent_object", args=["pm_1"]), follow=True)
    assert list(answer.context["cl"].queryset) == [event]
    assert "no page of pm_1" in answer.content.decode()


def test_nobody_looks_an_object_up_without_the_permission():
    address = reverse("admin:payments_stripeevent_object", args=["in_1"])
    assert signed_in(someone()).get(address).status_code == 403


def test_an_error_is_read_by_its_last_line(auditor):
    trouble = "Traceback (most recent call last):\n  ...\npayments.stripe.booking.books.NotYetKnown: Invoice in_1."
    assert trouble_in_short(trouble) == "NotYetKnown: Invoice in_1."
    assert "<summary>NotYetKnown: Invoice in_1.</summary>" in shown(auditor, a_stripe_event("dead", last_error=trouble))


def test_who_laid_an_event_aside_and_why_stays_on_it(auditor):
    page = shown(auditor, a_stripe_event("skipped", skipped_by="ada", skipped_reason="Test clock"))
    assert "Test clock" in page
    assert "ada" in page


def test_several_are_retried_at_once_with_a_result_each():
    dead, applied = a_stripe_event("dead"), a_stripe_event("applied")
    sent = {"action": "retry", "index": 0, "confirmed": "yes", "_selected_action": [dead.pk, applied.pk]}
    said = signed_in(someone("Finance manager")).post(INBOX, sent).content.decode()
    assert "<strong>1</strong> done, <strong>1</strong> refused" in said


def test_the_inbox_is_exported_without_its_bytes(auditor):
    a_stripe_event()
    sent = {"format": "0", "resource": "0", "stripeeventresource_event_id": "on", "stripeeventresource_status": "on"}
    lines = b"".join(auditor.post(f"{INBOX}export/", sent).streaming_content).decode().split()
    assert len(lines) == 2
    assert lines[1].endswith("applied")


# --- Rows and what was said about them ---------------------------------------------------------------------------


def test_a_payment_tells_its_whole_story(auditor):
    told = the_books_of(live)
    paid = shown(auditor, Payment.objects.get(stripe_charge_id=told["paid"]["id"]))
    for text in ("charge.succeeded", "refund.created", "charge.refunded", "$15.00", "invoice_payment.paid"):
        assert text in paid
    disputed = shown(auditor, Payment.objects.get(disputes__isnull=False))
    assert "charge.dispute.closed" in disputed


def test_a_payout_shows_what_it_paid_out_and_that_it_adds_up(auditor):
    stripe_facts()
    payout = Payout.objects.get()
    assert "have not been fetched yet" in shown(auditor, payout)
    BalanceTransaction.objects.update(stripe_payout_id=payout.stripe_payout_id)
    net = sum(BalanceTransaction.objects.values_list("net_cents", flat=True))
    Payout.objects.update(amount_cents=net)
    assert "which is the payout." in shown(auditor, payout)
    Payout.objects.update(amount_cents=net + 100)
    assert "€1.00 less than the payout." in shown(auditor, payout)


def test_a_payouts_own_movement_is_none_of_its_contents():
    stripe_facts()
    movement, payout = BalanceTransaction.objects.first(), Payout.objects.get()
    BalanceTransaction.objects.filter(pk=movement.pk).update(
        stripe_payout_id=payout.stripe_payout_id, source_id=payout.stripe_payout_id
    )
    assert not BalanceTransaction.objects.of_payout(payout.stripe_payout_id).exists()


def test_a_subscription_shows_how_its_worth_moved(auditor):
    the_books_of(live)
    subscription = Subscription.objects.get()
    page = shown(auditor, subscription)
    for movement in subscription.mrr_movements.all():
        assert movement.get_kind_display() in page
    assert "customer.subscription.deleted" in page
    assert MrrMovement.objects.count() >= 2


def test_who_may_not_read_events_is_not_told_of_them():
    the_books_of(lambda sim: sim.customer("Acorn", at=START))
    person = signed_in(someone("", "invoices.view_customer"))
    from invoices.models import Customer

    assert "customer.created" not in shown(person, Customer.objects.get())


# --- Signing secrets ---------------------------------------------------------------------------------------------


def test_only_administrators_see_that_there_are_secrets(auditor, endpoint):
    SigningSecret.objects.create(endpoint_uuid=endpoint, secret=SECRET, added_at=NOW, added_by="ada")
    for role in ("Auditor", "Finance manager"):
        assert signed_in(someone(role)).get("/admin/payments/signingsecret/").status_code == 403


def test_a_secret_is_added_shown_by_its_end_and_never_again(administrator, endpoint):
    sent = {"endpoint": endpoint, "secret": SECRET, "retires_at": ""}
    page = administrator.post("/admin/payments/signingsecret/add-a-secret/", sent, follow=True).content.decode()
    added = SigningSecret.objects.get()
    assert (added.secret, added.endpoint_uuid, added.retires_at) == (SECRET, endpoint, None)
    for said in (page, shown(administrator, added)):
        assert "whsec_…a1B2" in said
        assert SECRET not in said
        assert "own1own1" not in said


def test_what_is_no_secret_is_refused_and_not_shown_back(administrator, endpoint):
    sent = {"endpoint": endpoint, "secret": "sk_live_1234567890", "retires_at": ""}
    page = administrator.post("/admin/payments/signingsecret/add-a-secret/", sent).content.decode()
    assert "begins with whsec_" in page
    assert "sk_live_1234567890" not in page
    assert not SigningSecret.objects.exists()


def test_an_endpoints_address_is_there_to_be_copied(administrator, endpoint):
    page = administrator.get("/admin/payments/signingsecret/").content.decode()
    assert f"/stripe/webhook/{endpoint}/" in page
    assert "whsec_…own1" in page


def test_a_rotation_lets_the_old_secret_sign_for_a_day(administrator, endpoint):
    until = (timezone.localtime() + dt.timedelta(hours=24)).strftime("%Y-%m-%dT%H:%M")
    sent = {"endpoint": endpoint, "secret": SECRET, "retires_old_at": until}
    administrator.post("/admin/payments/signingsecret/rotate-an-endpoints-secret/", sent)
    assert djstripe.models.WebhookEndpoint.objects.get().secret == SECRET
    assert SigningSecret.objects.get().secret.startswith("whsec_own1")


def test_a_secret_retires_when_it_is_told_to(administrator, endpoint):
    added = SigningSecret.objects.create(endpoint_uuid=endpoint, secret=SECRET, added_at=NOW, added_by="ada")
    administrator.post(f"/admin/payments/signingsecret/{added.pk}/retire/", {"at": "2026-11-30T12:00"})
    added.refresh_from_db()
    assert added.retires_at == dt.datetime(2026, 11, 30, 12, tzinfo=dt.UTC)


def test_nobody_else_adds_or_retires(auditor, endpoint):
    added = SigningSecret.objects.create(endpoint_uuid=uuid.uuid4(), secret=SECRET, added_at=NOW, added_by="ada")
    manager = signed_in(someone("Finance manager"))
    for address in ("add-a-secret/", "rotate-an-endpoints-secret/", f"{added.pk}/retire/"):
        assert manager.post(f"/admin/payments/signingsecret/{address}", {}).status_code == 403
