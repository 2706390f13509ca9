"""A secret opens the door it was made for, from the day it is added to the day it retires, and no other."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone
from djstripe.models import Account, WebhookEndpoint

from payments.models import SigningSecret, StripeEvent
from payments.stripe import doors
from tests.payments.posting import DOOR, SECRET, body_of, event, post

pytestmark = pytest.mark.django_db

OWN, NEXT, OTHER = "whsec_of_the_endpoint_00", "whsec_the_one_to_come_00", "whsec_of_another_door_00"
HOUR = dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def secret_of_the_settings(settings):
    settings.STRIPE_WEBHOOK_SECRETS = [SECRET]


def an_endpoint(stripe_id="we_1", secret=OWN, **fields):
    given = {"url": "https://billing.example/", "enabled_events": ["*"], "status": "enabled"}
    return WebhookEndpoint.objects.create(id=stripe_id, secret=secret, **(given | fields))


@pytest.fixture
def endpoint():
    return an_endpoint()


def address(endpoint):
    return f"{DOOR}{endpoint.djstripe_uuid}/"


def opens(endpoint, secret, **changes):
    return post(body_of(event(**changes)), door=address(endpoint), secret=secret).status_code == 200


def add(endpoint, secret=NEXT, **fields):
    given = {"endpoint_uuid": endpoint.djstripe_uuid, "secret": secret, "by": "ada", "now": timezone.now()}
    return doors.add_signing_secret(**(given | fields))


# --- Which secret opens which door -------------------------------------------------------------------------------


def test_the_endpoint_of_djstripe_has_its_own_secret(endpoint):
    assert opens(endpoint, OWN)
    assert StripeEvent.objects.count() == 1


def test_a_secret_of_one_endpoint_opens_no_other_door(endpoint):
    other = an_endpoint("we_2", OTHER)
    add(endpoint)
    assert [opens(other, secret) for secret in (OWN, NEXT, SECRET)] == [False] * 3
    assert [opens(endpoint, secret) for secret in (OTHER, SECRET)] == [False] * 2
    assert [post(body_of(event()), secret=secret).status_code for secret in (OWN, NEXT, OTHER)] == [400] * 3
    assert not StripeEvent.objects.exists()


def test_an_unknown_endpoint_is_not_found():
    assert post(body_of(event()), door=f"{DOOR}{uuid.uuid4()}/").status_code == 404
    assert post(body_of(event()), door=f"{DOOR}not-a-uuid/").status_code == 404
    assert not StripeEvent.objects.exists()


def test_secrets_without_their_endpoint_open_nothing(endpoint):
    add(endpoint)
    endpoint.delete()
    assert post(body_of(event()), door=address(endpoint), secret=NEXT).status_code == 404


def test_without_secrets_in_the_settings_the_plain_door_is_not_there(settings):
    settings.STRIPE_WEBHOOK_SECRETS = []
    assert post(body_of(event())).status_code == 404


def test_an_endpoint_without_a_secret_takes_nothing():
    assert not opens(an_endpoint(secret=""), "")


def test_one_question_tells_all_secrets_of_an_endpoint(endpoint, django_assert_num_queries):
    add(endpoint)
    body = body_of(event())
    with django_assert_num_queries(2):  # who may sign, and the insert
        post(body, door=address(endpoint), secret=NEXT)


# --- Mode and account of an endpoint -----------------------------------------------------------------------------


def test_an_endpoint_of_the_other_mode_takes_no_event():
    live = an_endpoint(livemode=True)
    answer = post(body_of(event()), door=address(live), secret=OWN)
    assert (answer.status_code, answer.content) == (400, b"This is a test event; this endpoint takes live ones.")
    assert not opens(live, OWN, livemode=True)  # this installation is for tests
    assert not StripeEvent.objects.exists()


def test_the_owner_of_the_endpoint_is_our_account():
    owner = Account.objects.create(id="acct_ours")
    ours = an_endpoint(djstripe_owner_account=owner, livemode=False)
    assert opens(ours, OWN, account="acct_ours")
    assert not opens(ours, OWN, id="evt_2", account="acct_theirs")
    assert StripeEvent.objects.get().account == "acct_ours"


# --- Secrets come and go -----------------------------------------------------------------------------------------


def test_during_a_rotation_both_secrets_are_good(endpoint):
    add(endpoint)
    assert opens(endpoint, OWN)
    assert opens(endpoint, NEXT)


def test_a_retired_secret_opens_nothing(endpoint):
    added = add(endpoint)
    doors.retire_signing_secret(signing_secret=added, at=timezone.now(), by="ada")
    assert not opens(endpoint, NEXT)
    assert opens(endpoint, OWN)


def test_a_secret_signs_until_the_instant_it_retires(endpoint):
    now = timezone.now()
    add(endpoint, now=now, retires_at=now + HOUR)
    assert NEXT in doors.door_at(endpoint.djstripe_uuid, now=now + HOUR - dt.timedelta(microseconds=1)).secrets
    assert NEXT not in doors.door_at(endpoint.djstripe_uuid, now=now + HOUR).secrets


@pytest.mark.parametrize("secret", ["", "whsec_", "sk_test_" + "a" * 24, "whsec_short", "whsec_with a space in it"])
def test_what_is_no_signing_secret_is_refused(endpoint, secret):
    with pytest.raises(doors.NotASigningSecret, match="whsec_"):
        add(endpoint, secret)


def test_a_secret_pasted_with_its_line_end_is_taken(endpoint):
    assert add(endpoint, f" {NEXT}\n").secret == NEXT


def test_a_secret_the_endpoint_has_is_refused(endpoint):
    add(endpoint)
    for known in (OWN, NEXT):
        with pytest.raises(doors.AlreadyASecret):
            add(endpoint, known)


def test_a_secret_for_no_endpoint_is_refused():
    with pytest.raises(doors.NoSuchEndpoint):
        doors.add_signing_secret(endpoint_uuid=uuid.uuid4(), secret=NEXT, by="ada", now=timezone.now())


def test_a_secret_that_retires_in_the_past_is_refused(endpoint):
    with pytest.raises(doors.RetiresBeforeItOpens):
        add(endpoint, retires_at=timezone.now() - HOUR)


def test_who_added_a_secret_is_on_record_and_the_secret_is_not_shown(endpoint):
    added = add(endpoint)
    assert added.added_by == "ada"
    assert NEXT not in str(added)


def test_a_rotation_keeps_the_old_secret_until_it_retires(endpoint):
    now = timezone.now()
    given = {"endpoint_uuid": endpoint.djstripe_uuid, "secret": NEXT, "by": "ada", "now": now}
    doors.rotate_secret(**given, retires_old_at=now + HOUR)
    assert set(doors.door_at(endpoint.djstripe_uuid, now=now).secrets) == {OWN, NEXT}
    assert doors.door_at(endpoint.djstripe_uuid, now=now + HOUR).secrets == (NEXT,)


def test_a_rotation_without_an_overlap_closes_the_old_secret_at_once(endpoint):
    doors.rotate_secret(endpoint_uuid=endpoint.djstripe_uuid, secret=NEXT, by="ada", now=timezone.now())
    assert doors.door_at(endpoint.djstripe_uuid, now=timezone.now()).secrets == (NEXT,)


def test_a_secret_that_was_added_first_can_become_the_endpoints_own(endpoint):
    now = timezone.now()
    add(endpoint)
    given = {"endpoint_uuid": endpoint.djstripe_uuid, "secret": NEXT, "by": "ada", "now": now}
    doors.rotate_secret(**given, retires_old_at=now + HOUR)
    assert doors.door_at(endpoint.djstripe_uuid, now=now + HOUR).secrets == (NEXT,)
    assert SigningSecret.objects.get().secret == OWN


# --- The endpoint that the environment names ---------------------------------------------------------------------


@pytest.fixture
def named(settings):
    settings.STRIPE_WEBHOOK_UUID = uuid.UUID("5f3c3f6e-6c55-4b0a-9f7e-0b8a3c0d7e11")
    settings.STRIPE_WEBHOOK_SECRETS = [OWN, NEXT]
    settings.ALLOWED_HOSTS = ["billing.example"]
    settings.HTTPS = True
    migrate()
    return settings.STRIPE_WEBHOOK_UUID


def migrate():
    from payments.apps import PaymentsConfig
    from payments.stripe.doors import write_endpoint_of_environment

    write_endpoint_of_environment(sender=PaymentsConfig("payments", __import__("payments")), using="default")


def test_the_environment_makes_an_endpoint_of_djstripe(named):
    made = WebhookEndpoint.objects.get()
    assert (made.djstripe_uuid, made.secret, made.livemode, made.status) == (named, OWN, False, "enabled")
    assert made.url == "https://billing.example" + reverse("stripe-webhook", args=[named])


def test_each_secret_of_the_environment_opens_the_endpoint_it_names(named):
    made = WebhookEndpoint.objects.get()
    assert opens(made, OWN)
    assert opens(made, NEXT)
    assert not opens(made, OTHER)


def test_migrating_again_changes_nothing(named):
    before = WebhookEndpoint.objects.values().get()
    migrate()
    after = WebhookEndpoint.objects.values().get()
    assert before | {"djstripe_updated": None} == after | {"djstripe_updated": None}


def test_a_changed_environment_is_followed(named, settings):
    settings.STRIPE_WEBHOOK_UUID, settings.STRIPE_WEBHOOK_SECRETS = uuid.uuid4(), [OTHER]
    migrate()
    made = WebhookEndpoint.objects.get()
    assert (made.djstripe_uuid, made.secret) == (settings.STRIPE_WEBHOOK_UUID, OTHER)
    assert post(body_of(event()), door=f"{DOOR}{named}/", secret=OWN).status_code == 404


def test_an_environment_that_names_no_endpoint_any_more_takes_it_away(named, settings):
    settings.STRIPE_WEBHOOK_UUID = None
    migrate()
    assert not WebhookEndpoint.objects.exists()


def test_a_secret_taken_out_of_the_environment_is_closed_before_anybody_migrates(named, settings):
    settings.STRIPE_WEBHOOK_SECRETS = [NEXT]
    made = WebhookEndpoint.objects.get()
    assert made.secret == OWN
    assert not opens(made, OWN)
    assert opens(made, NEXT)


def test_an_endpoint_that_stripe_knows_by_this_uuid_is_left_as_it_is(named, settings):
    WebhookEndpoint.objects.update(id="we_at_stripe", secret="whsec_as_djstripe_has_it")
    migrate()
    assert WebhookEndpoint.objects.get().secret == "whsec_as_djstripe_has_it"


def test_the_secrets_of_the_environment_are_not_rotated_here(named):
    with pytest.raises(doors.SetInTheEnvironment):
        doors.rotate_secret(endpoint_uuid=named, secret=OTHER, by="ada", now=timezone.now())


@pytest.mark.django_db(databases=["default", "owner"], transaction=True)
def test_migrating_writes_the_endpoint(settings):
    settings.STRIPE_WEBHOOK_UUID, settings.STRIPE_WEBHOOK_SECRETS = uuid.uuid4(), [OWN]
    call_command("migrate", database="owner", verbosity=0, interactive=False, skip_checks=True)
    assert WebhookEndpoint.objects.get().djstripe_uuid == settings.STRIPE_WEBHOOK_UUID
