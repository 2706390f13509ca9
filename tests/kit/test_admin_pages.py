"""Lists, forms and buttons of the back office."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from billing_site.kit.admin import MoneyFormField, money_cell
from billing_site.kit.admin.history import audit_of
from billing_site.kit.admin.totals import totals_of
from invoices.models import Customer, Invoice
from payments.models import Payment
from tests.books import NOW, a_customer, a_draft, an_invoice

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.kit.back_office_pages")]


@pytest.fixture
def boss(admin_client):
    return admin_client


def someone_who_may(client, *codes):
    user = User.objects.create_user("ada", password="x", is_staff=True)
    for code in codes:
        app, codename = code.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))
    client.force_login(user)
    return client


def listed(client, query=""):
    return client.get(reverse("admin:invoices_invoice_changelist") + query)


def page_of(row):
    return reverse(f"admin:invoices_{row._meta.model_name}_change", args=[row.pk])


def form_of(invoice, **changed):
    lines = list(invoice.lines.all())
    sent = {
        "customer": invoice.customer_id,
        "seller": invoice.seller_id,
        "currency": invoice.currency,
        "document_discount_cents": "0.00",
        "notes": "",
        "lines-TOTAL_FORMS": len(lines),
        "lines-INITIAL_FORMS": len(lines),
        "lines-MIN_NUM_FORMS": 0,
        "lines-MAX_NUM_FORMS": 1000,
    }
    for n, line in enumerate(lines):
        sent |= {
            f"lines-{n}-id": line.pk,
            f"lines-{n}-invoice": invoice.pk,
            f"lines-{n}-position": line.position,
            f"lines-{n}-description": line.description,
            f"lines-{n}-quantity": "1",
            f"lines-{n}-unit_price": "1",
            f"lines-{n}-discount_given_cents": "0",
        }
    return sent | changed


# --- Lists -------------------------------------------------------------------------------------------------------


def test_a_list_costs_the_same_queries_at_one_row_and_at_five(boss):
    an_invoice("1.00")
    with CaptureQueriesContext(
        connection,
    ) as one:
        assert listed(boss).status_code == 200
    for _ in range(4):
        an_invoice("1.00")
    with CaptureQueriesContext(connection) as five:
        listed(boss)
    assert len(one) == len(five)


def test_money_stands_in_a_cell_with_its_currency_and_digits():
    assert money_cell(1250, "USD") == '<span class="money">$12.50</span>'
    assert money_cell(500, "JPY") == '<span class="money">¥500</span>'
    assert money_cell(1234, "KWD") == '<span class="money">KWD 1.234</span>'
    assert money_cell(-1, "EUR") == '<span class="money money-negative">-€0.01</span>'


def test_an_amount_that_is_unknown_is_a_dash_and_not_zero():
    assert money_cell(None, "USD") == '<span class="money">\N{EN DASH}</span>'


def test_totals_stand_per_currency_and_never_across():
    for price, currency in (("1.00", "EUR"), ("2.50", "EUR"), ("300", "JPY"), ("1.234", "KWD")):
        an_invoice(price, currency=currency)
    found = {
        total.currency: (total.rows, total.formatted) for total in totals_of(Invoice.objects.all(), ["total_cents"])
    }
    assert found == {"EUR": (2, ["€3.50"]), "JPY": (1, ["¥300"]), "KWD": (1, ["KWD 1.234"])}


def test_totals_follow_the_filter(boss):
    an_invoice("1.00")
    a_draft("5.00")
    page = listed(boss, "?status__exact=open").content.decode()
    assert "Totals (filtered)" in page
    assert "€1.00" in page
    assert "€5.00" not in page


def test_an_empty_list_has_no_totals(boss):
    assert 'id="totals"' not in listed(boss).content.decode()


def test_a_saved_view_asks_its_question(boss):
    draft, issued = a_draft("5.00"), an_invoice("1.00")
    page = listed(boss, "?view=drafts")
    assert [row.pk for row in page.context["cl"].queryset] == [draft.pk]
    assert [row.pk for row in listed(boss, "?view=overdue").context["cl"].queryset] == []
    Invoice.objects.filter(pk=issued.pk)
    assert page.context["tab_list"][0]["items"][1]["active"]


def test_a_view_nobody_named_shows_everything(boss):
    an_invoice("1.00")
    assert listed(boss, "?view=nonsense").context["cl"].queryset.count() == 1


def test_a_date_range_includes_its_last_day(boss):
    an_invoice("1.00")
    assert listed(boss, "?issue_date_from=2026-11-01&issue_date_to=2026-11-01").context["cl"].queryset.count() == 1
    assert listed(boss, "?issue_date_to=2026-10-31").context["cl"].queryset.count() == 0


def test_a_range_over_instants_counts_whole_days(boss):
    invoice = an_invoice("1.00")
    day = f"{invoice.created_at:%Y-%m-%d}"
    assert listed(boss, f"?created_at_from={day}&created_at_to={day}").context["cl"].queryset.count() == 1


def test_a_date_that_is_none_is_said_and_shows_nothing(boss):
    an_invoice("1.00")
    page = listed(boss, "?issue_date_from=31.31.2026")
    assert page.context["cl"].queryset.count() == 0
    assert "is no date" in page.content.decode()


def test_search_and_wrong_parameters_are_no_500(boss):
    for query in (
        "?q=x%00y",
        "?q=%F0%9F%92%B6",
        "?p=999999",
        "?o=99.-3",
        "?status__exact=%00",
        "?created_at_from=9999-99-99",
    ):
        assert listed(boss, query).status_code in {200, 302, 400}


# --- Forms -------------------------------------------------------------------------------------------------------


def test_a_form_shows_major_units_and_stores_minor_ones(boss):
    draft = a_draft("9.00")
    boss.post(page_of(draft), form_of(draft, document_discount_cents="1,234.50"))
    draft.refresh_from_db()
    assert draft.document_discount_cents == 1234_50
    assert 'value="1234.50"' in boss.get(page_of(draft)).content.decode()


def test_digits_are_those_of_the_currency_typed_in_the_same_form(boss):
    draft = a_draft("9.00")
    boss.post(page_of(draft), form_of(draft, currency="KWD", document_discount_cents="1.234"))
    draft.refresh_from_db()
    assert (draft.currency, draft.document_discount_cents) == ("KWD", 1234)


def test_an_inline_counts_in_its_parents_currency(boss):
    draft = a_draft("900", currency="JPY")
    boss.post(page_of(draft), form_of(draft, **{"lines-0-discount_given_cents": "50"}))
    assert draft.lines.get().discount_given_cents == 50


@pytest.mark.parametrize(
    ("currency", "typed", "said"),
    [
        ("JPY", "1.5", "JPY has 0 decimals"),
        ("EUR", "1.234", "EUR has 2 decimals"),
        ("EUR", "12,50", "Write an amount"),
        ("EUR", "1e3", "Write an amount"),
        ("EUR", "1_000", "Write an amount"),
        ("EUR", "١٢", "Write an amount"),
        ("EUR", "NaN", "Write an amount"),
        ("EUR", "9" * 20, "too large"),
        ("XXY", "1", "Choose a known currency"),
    ],
)
def test_an_amount_that_could_mean_something_else_is_refused(boss, currency, typed, said):
    draft = a_draft("9.00")
    page = boss.post(page_of(draft), form_of(draft, currency=currency, document_discount_cents=typed))
    assert said in page.content.decode()
    assert f'value="{typed}"' in page.content.decode()


def test_a_rate_is_shown_without_its_trailing_zeros(boss):
    draft = a_draft("0.0196")
    assert 'value="0.0196"' in boss.get(page_of(draft)).content.decode()


def test_a_money_field_without_a_currency_says_so():
    from django.core.exceptions import ImproperlyConfigured

    with pytest.raises(ImproperlyConfigured, match="MoneyForm"):
        MoneyFormField().clean("1.00")


def test_a_refusal_of_a_service_stands_on_the_form_with_what_was_typed(boss):
    draft = a_draft("1.00", "2.00", "3.00", "4.00")
    page = boss.post(page_of(draft), form_of(draft, notes="typed before"))
    assert page.status_code == 200
    assert "at most three lines" in page.content.decode()
    assert "typed before" in page.content.decode()
    draft.refresh_from_db()
    assert draft.notes == ""


def test_a_promise_of_the_database_is_read_as_a_sentence(boss):
    issued = an_invoice("1.00")
    page = boss.post(page_of(issued), form_of(issued, currency="USD"))
    assert page.status_code == 200
    issued.refresh_from_db()
    assert issued.currency == "EUR"


def test_a_row_still_in_use_is_not_deleted_and_says_why(boss):
    customer = an_invoice("1.00").customer
    boss.post(reverse("admin:invoices_customer_delete", args=[customer.pk]), {"post": "yes"})
    assert Customer.objects.filter(pk=customer.pk).exists()


# --- Read-only pages ---------------------------------------------------------------------------------------------


def test_facts_from_elsewhere_have_no_form(boss):
    payment = Payment.objects.create(amount_cents=2999, currency="EUR", status="succeeded", created_at=NOW)
    page = reverse("admin:payments_payment_change", args=[payment.pk])
    assert boss.get(page).status_code == 200
    assert boss.post(page, {"amount_cents": "1.00"}).status_code == 403
    assert boss.get(reverse("admin:payments_payment_add")).status_code == 403
    assert boss.post(reverse("admin:payments_payment_delete", args=[payment.pk]), {"post": "yes"}).status_code == 403


def test_a_fee_is_shown_in_the_currency_it_was_taken_in(boss):
    Payment.objects.create(
        amount_cents=100_00,
        currency="EUR",
        status="succeeded",
        created_at=NOW,
        stripe_fee_cents=6_17,
        settlement_currency="USD",
        settlement_amount_cents=108_50,
        net_amount_cents=102_33,
    )
    page = boss.get(reverse("admin:payments_payment_changelist")).content.decode()
    assert "€100.00" in page
    assert "$6.17" in page


def test_an_amount_that_is_only_read_is_money_and_not_a_count_of_cents(boss):
    payment = Payment.objects.create(amount_cents=2999_00, currency="JPY", status="succeeded", created_at=NOW)
    page = boss.get(reverse("admin:payments_payment_change", args=[payment.pk])).content.decode()
    assert "¥299,900" in page
    assert "Amount cents" not in page


def test_who_may_only_look_reads_amounts_too(client):
    someone_who_may(client, "invoices.view_invoice")
    page = client.get(page_of(a_draft("9.00", currency="KWD", document_discount_cents=1_234))).content.decode()
    assert "KWD 1.234" in page
    assert "Document discount cents" not in page


# --- Confirmed actions -------------------------------------------------------------------------------------------


def press(client, *rows, query="", **sent):
    chosen = {"action": "issue", "index": 0, "_selected_action": [row.pk for row in rows], **sent}
    return client.post(reverse("admin:invoices_invoice_changelist") + query, chosen)


def test_a_button_asks_first_with_counts_and_money_per_currency(boss):
    page = press(boss, a_draft("1.00"), a_draft("2.50"), a_draft("300", currency="JPY")).content.decode()
    assert "€3.50" in page
    assert "¥300" in page
    assert '<input type="hidden" name="action" value="issue">' in page
    assert ">Issue</button>" in page
    assert Invoice.objects.drafts().count() == 3


def test_a_confirmed_button_tells_the_fate_of_each_row(boss):
    draft, issued = a_draft("1.00"), an_invoice("1.00")
    page = press(boss, draft, issued, confirmed="yes").content.decode()
    assert "<strong>1</strong> done, <strong>1</strong> refused" in page
    assert "is open, no draft" in page
    draft.refresh_from_db()
    assert draft.status == "open"
    assert draft.invoice_number in page


def test_the_second_press_issues_nothing_again(boss):
    draft = a_draft("1.00")
    press(boss, draft, confirmed="yes")
    number = Invoice.objects.get(pk=draft.pk).invoice_number
    press(boss, draft, confirmed="yes")
    assert Invoice.objects.get(pk=draft.pk).invoice_number == number


def test_who_may_not_issue_is_offered_no_button(client):
    someone_who_may(client, "invoices.view_invoice", "invoices.change_invoice")
    draft = a_draft("1.00")
    assert 'value="issue"' not in listed(client).content.decode()
    press(client, draft, confirmed="yes")
    assert client.post(page_of(draft).replace("change/", "issue/"), {"confirmed": "yes"}).status_code == 403
    draft.refresh_from_db()
    assert draft.status == "draft"


def test_the_button_on_one_rows_page_asks_the_same(boss):
    draft = a_draft("1.00")
    url = reverse("admin:invoices_invoice_issue_one", args=[draft.pk])
    assert url in boss.get(page_of(draft)).content.decode()
    assert "€1.00" in boss.get(url).content.decode()
    assert "<strong>1</strong> done" in boss.post(url, {"confirmed": "yes"}).content.decode()


def test_a_row_that_is_not_there_is_404_and_not_500(boss):
    assert boss.get("/admin/invoices/invoice/999999/issue/").status_code == 404
    assert boss.get("/admin/invoices/invoice/abc/issue/").status_code == 404


def test_a_reason_is_asked_for_where_one_is_needed(boss, monkeypatch):
    from tests.kit.back_office_pages import InvoicePage

    monkeypatch.setattr(InvoicePage.actions[0], "reason", "required")
    draft = a_draft("1.00")
    assert "Give a reason" in press(boss, draft, confirmed="yes", reason="  ").content.decode()
    assert "<strong>1</strong> done" in press(boss, draft, confirmed="yes", reason="Month end").content.decode()


# --- History -----------------------------------------------------------------------------------------------------


def test_the_history_page_tells_before_and_after_in_money(boss):
    customer = a_customer()
    draft = a_draft("1.00", customer=customer)
    boss.post(page_of(draft), form_of(draft, document_discount_cents="0.50"))
    page = boss.get(reverse("admin:invoices_invoice_history", args=[draft.pk])).content.decode()
    assert "€0.50" in page
    assert "admin" in page
    assert "Added" in page


def test_a_copy_kept_in_one_column_is_told_key_by_key():
    told = [change for entry in audit_of(an_invoice("1.00")) for change in entry.changes]
    assert {"bill to · name", "issued at", "status"} <= {change.field for change in told}
    assert ("nothing", "1 Nov 2026, 08:00") in [(change.before, change.after) for change in told]


def test_who_may_not_see_a_row_does_not_see_its_history(client):
    someone_who_may(client, "invoices.view_customer")
    assert client.get(reverse("admin:invoices_invoice_history", args=[a_draft("1.00").pk])).status_code == 403
