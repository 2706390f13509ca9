"""Every line explains itself, in the language of its customer."""
# ruff: noqa: RUF001 (French apostrophes and Japanese brackets are meant)

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.enums import Language
from invoices.pdf.wording import Wording
from partners.pricing import (
    WHOLE_MONTH,
    Proration,
    Tier,
    description_of,
    explanation_of,
    rate,
    terms_for,
    unit_label_of,
)
from partners.pricing.words import WORDS
from tests.partners.signed import all_terms, broken_months, usages

TIERS = (Tier(500, Decimal("0.40")), Tier(None, Decimal("0.35")))
ELEVEN_DAYS = Proration(0, 11, 31)


def euro(model, **terms):
    return terms_for(pricing_model=model, currency="EUR", **terms)


def said(language, terms, *proration, deed=0, request=0):
    say = Wording(language, terms.currency)
    lines = rate(terms, {"deed": Decimal(deed), "request": Decimal(request)}, *proration)
    return [(description_of(line, say), unit_label_of(line, say), explanation_of(line, say)) for line in lines]


def test_every_language_knows_every_word():
    assert set(WORDS) == set(Language.values)
    assert [sorted(words) for words in WORDS.values()] == [sorted(WORDS["en"])] * len(WORDS)


def test_tiers_say_which_units_they_price():
    terms = euro("per_deed", tiers=TIERS, included=Decimal(100))
    assert said("en", terms, deed=1234) == [
        ("Deed retrievals", "deeds", "1,234 deeds, 100 included, tier 1–500: 500 at €0.40"),
        ("Deed retrievals", "deeds", "tier from 501: 634 at €0.35"),
    ]
    terms = euro("per_deed", tiers=TIERS, tier_mode="volume")
    assert [text for *_, text in said("en", terms, deed=1234)] == [
        "1,234 deeds, tier from 501, all units: 1,234 at €0.35"
    ]


def test_packages_in_tiers_are_counted_in_packages():
    terms = euro("per_request", tiers=(Tier(100_000, Decimal(2)), Tier(None, Decimal("1.5"))))
    assert [text for *_, text in said("en", terms, request=100_001)] == [
        "100,001 requests, tier 1–100,000: 100 packages of 1,000 at €2.00",
        "tier from 100,001: 1 package of 1,000 at €1.50",
    ]


def test_a_maximum_says_what_the_month_would_have_come_to():
    terms = euro("flat", monthly_fee_cents=500_00, maximum_cents=400_00)
    assert said("en", terms)[1] == ("Monthly maximum", "", "Limit: €400.00, without it: €500.00")
    assert said("en", terms, ELEVEN_DAYS)[1][2] == "Limit: €141.94 for 11 of 31 days, without it: €177.42"


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        (
            "de",
            [
                ("Monatsgebühr", "Monat", "500,00 € im Monat, 11 von 31 Tagen"),
                ("Urkundenabrufe", "Urkunden", "1.234 Urkunden, 35 inklusive für 11 von 31 Tagen, 1.199 zu 0,0196 €"),
                ("Mindestumsatz", "", "Vereinbart: 354,84 € für 11 von 31 Tagen, erreicht: 200,92 €"),
            ],
        ),
        (
            "fr",
            [
                ("Abonnement mensuel", "mois", "500,00 € par mois, 11 jours sur 31"),
                (
                    "Consultations d’actes",
                    "actes",
                    "1 234 actes, franchise de 35 pour 11 jours sur 31, 1 199 à 0,0196 €",
                ),
                ("Minimum de facturation", "", "Convenu : 354,84 € pour 11 jours sur 31, atteint : 200,92 €"),
            ],
        ),
        (
            "es",
            [
                ("Cuota mensual", "mes", "500,00 € al mes, 11 de 31 días"),
                (
                    "Consultas de escrituras",
                    "escrituras",
                    "1.234 escrituras, 35 incluidas por 11 de 31 días, 1.199 a 0,0196 €",
                ),
                ("Compromiso mínimo", "", "Acordado: 354,84 € por 11 de 31 días, alcanzado: 200,92 €"),
            ],
        ),
        (
            "ja",
            [
                ("月額基本料", "か月", "月額 €500.00、31日中11日"),
                ("登記簿取得", "件", "1,234 件、うち無料 35（31日中11日）、1,199 × €0.0196"),
                ("最低利用料", "", "約定額 €354.84（31日中11日）、実績 €200.92"),
            ],
        ),
    ],
)
def test_a_line_reads_as_its_language_writes(language, lines):
    terms = euro(
        "hybrid",
        monthly_fee_cents=500_00,
        unit_price=Decimal("0.0196"),
        included=Decimal(100),
        minimum_cents=1000_00,
    )
    plain = [tuple(_plain_spaces(text) for text in line) for line in said(language, terms, ELEVEN_DAYS, deed=1234)]
    assert plain == lines


def _plain_spaces(text):
    return text.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ["0 deeds", "1 deed", "2 deeds"]),
        ("de", ["0 Urkunden", "1 Urkunde", "2 Urkunden"]),
        ("fr", ["0 acte", "1 acte", "2 actes"]),
        ("es", ["0 escrituras", "1 escritura", "2 escrituras"]),
        ("ja", ["0 件", "1 件", "2 件"]),
    ],
)
def test_one_is_not_many(language, texts):
    terms = euro("per_deed", unit_price=Decimal(1))
    counted = [said(language, terms, deed=Decimal(f"{count}.000"))[0] for count in range(3)]
    assert [explained[: len(text)] for (*_, explained), text in zip(counted, texts, strict=True)] == texts
    assert [label for _, label, _ in counted] == [text.split(" ", 1)[1] for text in texts]


@given(all_terms, usages, broken_months | st.just(WHOLE_MONTH), st.sampled_from(Language.values))
def test_no_line_is_left_unexplained(terms, usage, proration, language):
    say = Wording(language, terms.currency)
    for line in rate(terms, usage, proration):
        assert description_of(line, say)
        assert explanation_of(line, say)
