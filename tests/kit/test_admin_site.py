"""The whole admin site as people meet it: every list and form opens, each sees what their role allows."""

from __future__ import annotations

import datetime as dt

import pytest
from django.apps import apps
from django.contrib.admin import site
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from billing_site.admin import environment_badge, navigation
from billing_site.kit.admin import dashboard
from billing_site.kit.admin.bridge import next_run
from billing_site.kit.models import JobRun, ServiceKey
from tests.books import NOW

pytestmark = pytest.mark.django_db


def lists():
    return sorted(f"{model._meta.app_label}_{model._meta.model_name}" for model in site._registry)


@pytest.fixture
def nightly():
    schedule = CrontabSchedule.objects.create(minute="0", hour="6", timezone="UTC")
    return PeriodicTask.objects.create(
        name="Reconcile yesterday", task="reporting.tasks.reconcile_yesterday", crontab=schedule
    )


# --- Every page opens --------------------------------------------------------------------------------------------


def test_every_list_opens_empty(admin_client):
    for name in lists():
        assert admin_client.get(reverse(f"admin:{name}_changelist")).status_code == 200, name


def test_every_add_form_that_is_offered_opens(admin_client, rf, admin_user):
    request = rf.get("/")
    request.user = admin_user
    for model, page in site._registry.items():
        if page.has_add_permission(request):
            url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")
            assert admin_client.get(url).status_code == 200, url


def test_the_start_page_opens_for_every_role(client):
    for name in Group.objects.values_list("name", flat=True):
        person = User.objects.create_user(name, is_staff=True)
        person.groups.add(Group.objects.get(name=name))
        client.force_login(person)
        assert client.get(reverse("admin:index")).status_code == 200, name


def test_a_stranger_is_sent_to_the_login_page(client):
    assert client.get("/admin/").url.startswith("/admin/login/")
    assert client.get("/").url == "/admin/"


# --- Navigation --------------------------------------------------------------------------------------------------


def seen_by(person, rf):
    request = rf.get("/admin/")
    request.user = person
    return {item["title"] for group in navigation(request) for item in group["items"]}


def test_navigation_names_only_what_exists():
    from billing_site.admin import NAVIGATION

    named = [
        target
        for group in NAVIGATION.values()
        for _title, _icon, target in group
        if target[:1].islower() and "." in target
    ]
    assert [target for target in named if not apps.get_model(target)] == []


def test_a_list_is_called_as_the_menu_calls_it():
    """Stripe's lists say Stripe, which the menu says above them; schedule and roles are pages of other packages."""
    from billing_site.admin import NAVIGATION

    rows = [row for group, rows in NAVIGATION.items() if group != "Stripe" for row in rows]
    lists = {title: apps.get_model(target) for title, _icon, target in rows if "." in target}
    ours = {title: model for title, model in lists.items() if not model.__module__.startswith("django")}
    assert list(ours) == [capfirst(model._meta.verbose_name_plural) for model in ours.values()]


def test_each_sees_what_their_role_allows(rf, admin_user):
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_jobrun"))
    assert {"Users", "Schedule", "Job runs"} <= seen_by(admin_user, rf)
    assert "Job runs" in seen_by(clerk, rf)
    assert not {"Users", "Roles", "Service keys", "Mirror", "Invoices"} & seen_by(clerk, rf)


def test_the_badge_says_which_money_this_is(settings, rf):
    settings.DEMO_DATA = True
    assert environment_badge(rf.get("/")) == ["DEMO DATA", "warning"]
    settings.DEMO_DATA = False
    assert environment_badge(rf.get("/")) == ["STRIPE TEST MODE", "info"]
    settings.STRIPE_LIVE_MODE = True
    assert environment_badge(rf.get("/")) is None


# --- Cards -------------------------------------------------------------------------------------------------------


def test_a_card_that_fails_hides_no_other(admin_client, monkeypatch):
    def sound(request):
        yield dashboard.Card("Overdue", "€1.00", url="/admin/", tone="danger", lines=(("EUR", "€1.00"),))

    def broken(request):
        raise LookupError("no rate")

    monkeypatch.setattr(dashboard, "_builders", [broken, sound])
    page = admin_client.get(reverse("admin:index")).content.decode()
    assert "Unavailable" in page
    assert "Overdue" in page
    assert "no rate" not in page


# --- Keys --------------------------------------------------------------------------------------------------------


def test_a_key_is_shown_once_and_works(admin_client):
    answer = admin_client.post(
        reverse("admin:kit_servicekey_add"), {"name": "dashboard", "scopes": ["reports:read"]}, follow=True
    )
    shown = str(next(iter(answer.context["messages"])))
    secret = shown.split(" is ")[1].split(" ", maxsplit=1)[0]
    assert ServiceKey.objects.get().is_valid(secret)
    again = admin_client.get(reverse("admin:kit_servicekey_change", args=[ServiceKey.objects.get().pk]))
    assert secret not in again.content.decode()


def test_a_revoked_key_stays_revoked_and_on_record(admin_client):
    key = ServiceKey.objects.create_key(name="old", scopes=["*"], revoked=True)[0]
    page = reverse("admin:kit_servicekey_change", args=[key.pk])
    admin_client.post(page, {"name": "old", "scopes": ["*"]})
    assert admin_client.post(page.replace("change", "delete"), {"post": "yes"}).status_code == 403
    key.refresh_from_db()
    assert key.revoked


# --- The schedule ------------------------------------------------------------------------------------------------


def test_a_job_shows_when_it_runs_next(admin_client, nightly):
    at = dt.datetime(2026, 11, 1, 8, 0, tzinfo=dt.UTC)
    assert next_run(nightly, now=at) == dt.datetime(2026, 11, 2, 6, 0, tzinfo=dt.UTC)
    page = admin_client.get(reverse("admin:django_celery_beat_periodictask_changelist")).content.decode()
    assert "Reconcile yesterday" in page
    assert "06:00" in page


def test_the_monthly_run_is_next_on_the_first():
    schedule = CrontabSchedule.objects.create(minute="0", hour="2", day_of_month="1", timezone="UTC")
    job = PeriodicTask.objects.create(name="Bill partners", task="x", crontab=schedule)
    assert next_run(job, now=dt.datetime(2026, 10, 15, tzinfo=dt.UTC)) == dt.datetime(2026, 11, 1, 2, 0, tzinfo=dt.UTC)


def test_an_interval_counts_from_the_last_run():
    every = IntervalSchedule.objects.create(every=10, period=IntervalSchedule.MINUTES)
    job = PeriodicTask.objects.create(name="Fees", task="x", interval=every)
    assert next_run(job, now=timezone.now()) is not None


def test_a_job_that_is_off_has_no_next_run(admin_client, nightly):
    PeriodicTask.objects.update(enabled=False)
    page = admin_client.get(reverse("admin:django_celery_beat_periodictask_changelist")).content.decode()
    assert ">Off<" in page


def test_the_form_of_a_job_opens_and_saves(admin_client, nightly):
    page = reverse("admin:django_celery_beat_periodictask_change", args=[nightly.pk])
    assert admin_client.get(page).status_code == 200
    sent = {
        "name": "Reconcile",
        "task": nightly.task,
        "crontab": nightly.crontab_id,
        "args": "[]",
        "kwargs": "{}",
        "headers": "{}",
    }
    admin_client.post(page, sent)
    nightly.refresh_from_db()
    assert nightly.name == "Reconcile"


# --- People ------------------------------------------------------------------------------------------------------


def test_people_and_roles_cost_the_same_queries_however_many(admin_client, django_assert_max_num_queries):
    for n in range(5):
        User.objects.create_user(f"user{n}").groups.add(Group.objects.first())
    with django_assert_max_num_queries(12):
        admin_client.get(reverse("admin:auth_user_changelist"))
    with django_assert_max_num_queries(12):
        admin_client.get(reverse("admin:auth_group_changelist"))


def test_a_person_is_made_and_given_a_role(admin_client):
    sent = {
        "username": "ada",
        "password1": "Correct-horse-7",
        "password2": "Correct-horse-7",
        "usable_password": "true",
    }
    admin_client.post(reverse("admin:auth_user_add"), sent)
    assert User.objects.get(username="ada").check_password("Correct-horse-7")


# --- The site's other pages --------------------------------------------------------------------------------------


def test_healthz_says_which_server_fails(client, redis_url, settings):
    assert client.get("/healthz").json() == {"status": "ok", "database": "ok", "redis": "ok"}
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"status": "failing", "database": "ok", "redis": "failed"})


def test_a_missing_endpoint_is_a_problem_and_a_missing_page_is_a_page(client):
    assert client.get("/api/v1/nonsense").headers["Content-Type"] == "application/problem+json"
    assert client.get("/nonsense").headers["Content-Type"].startswith("text/html")


def test_only_pages_of_the_admin_have_the_loose_policy(admin_client):
    assert "unsafe-eval" in admin_client.get("/admin/").headers["Content-Security-Policy"]
    for address in ("/healthz", "/api/v1/docs/", "/api/v1/openapi.json", "/nonsense"):
        assert "unsafe" not in admin_client.get(address).headers["Content-Security-Policy"], address


def test_runs_are_read_and_never_typed(admin_client):
    run = JobRun.objects.create(job="reconcile", started_at=NOW)
    page = reverse("admin:kit_jobrun_change", args=[run.pk])
    assert admin_client.get(page).status_code == 200
    assert admin_client.post(page, {"job": "x"}).status_code == 403
    assert Client().get(page).status_code == 302
