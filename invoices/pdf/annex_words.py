"""Owns the words of usage annexes, one small table per language; `labels` holds those of the first pages."""
# ruff: noqa: RUF001 (French apostrophes and Japanese brackets are meant)

from __future__ import annotations

from collections.abc import Mapping

_EN = {
    "in_all": "In all",
    "usage_details": "Usage details",
    "late_usage": "Late usage",
    "keys_one": "1 API key",
    "keys_many": "{count} API keys",
    "api_requests": "API requests",
    "average_requests": "Average requests per day",
    "deeds_retrieved": "Deeds retrieved",
    "average_deeds": "Average deeds per day",
    "metered_usage": "Metered usage",
    "deeds_per_day": "Deeds per day",
    "api_key": "API key",
    "without_key": "Without API key",
    "other_rows": "{count} more rows, in the list of usage",
    "after_billing": "Counted after billing",
    "not_invoiced": "Counted above, not on this invoice",
    "counted_late": "Counted late",
    "billed_before": "Billed before",
    "counted_in_all": "Counted in all",
    "charged_late": "Charged for it",
    "shares": (
        "Each amount is the row’s share of {amount} by what was counted; "
        "units included in the contract are spread alike."
    ),
    "no_amounts": ("Amounts per row are left out: what is counted has changed since this was billed."),
    "late_rows": "Counted after the month was billed, and rated as if it had been on time.",
    "late_month": (
        "The rows show the whole month, {count} of it counted after it was "
        "billed; all is rated as if it had been on time."
    ),
}

_DE = {
    "in_all": "Insgesamt",
    "usage_details": "Nutzung im Einzelnen",
    "late_usage": "Nachgemeldete Nutzung",
    "keys_one": "1 API-Schlüssel",
    "keys_many": "{count} API-Schlüssel",
    "api_requests": "API-Anfragen",
    "average_requests": "Anfragen pro Tag im Mittel",
    "deeds_retrieved": "Abgerufene Urkunden",
    "average_deeds": "Urkunden pro Tag im Mittel",
    "metered_usage": "Betrag nach Nutzung",
    "deeds_per_day": "Urkunden pro Tag",
    "api_key": "API-Schlüssel",
    "without_key": "Ohne API-Schlüssel",
    "other_rows": "{count} weitere Zeilen, in der Liste der Nutzung",
    "after_billing": "Nach der Abrechnung gezählt",
    "not_invoiced": "Oben gezählt, nicht auf dieser Rechnung",
    "counted_late": "Nachgemeldet",
    "billed_before": "Zuvor abgerechnet",
    "counted_in_all": "Insgesamt gezählt",
    "charged_late": "Dafür berechnet",
    "shares": (
        "Jeder Betrag ist der Anteil der Zeile an {amount} nach der gezählten Menge; "
        "im Vertrag enthaltene Einheiten sind ebenso verteilt."
    ),
    "no_amounts": ("Beträge je Zeile entfallen: Die gezählte Menge hat sich seit der Abrechnung geändert."),
    "late_rows": ("Nach der Abrechnung des Monats gezählt und berechnet, als wäre es rechtzeitig gewesen."),
    "late_month": (
        "Die Zeilen zeigen den ganzen Monat, {count} davon nach seiner Abrechnung "
        "gezählt; alles ist berechnet, als wäre es rechtzeitig gewesen."
    ),
}

_FR = {
    "in_all": "Au total",
    "usage_details": "Détail de l’utilisation",
    "late_usage": "Utilisation déclarée tardivement",
    "keys_one": "1 clé API",
    "keys_many": "{count} clés API",
    "api_requests": "Requêtes API",
    "average_requests": "Requêtes par jour en moyenne",
    "deeds_retrieved": "Actes consultés",
    "average_deeds": "Actes par jour en moyenne",
    "metered_usage": "Montant à l’usage",
    "deeds_per_day": "Actes par jour",
    "api_key": "Clé API",
    "without_key": "Sans clé API",
    "other_rows": "{count} autres lignes, dans la liste de l’utilisation",
    "after_billing": "Compté après facturation",
    "not_invoiced": "Compté ci-dessus, absent de cette facture",
    "counted_late": "Compté tardivement",
    "billed_before": "Déjà facturé",
    "counted_in_all": "Compté au total",
    "charged_late": "Facturé en sus",
    "shares": (
        "Chaque montant est la part de la ligne dans {amount} selon la quantité comptée "
        "; les unités incluses au contrat sont réparties de même."
    ),
    "no_amounts": "Pas de montant par ligne : la quantité comptée a changé depuis la facturation.",
    "late_rows": "Compté après la facturation du mois, et tarifé comme si c’était arrivé à temps.",
    "late_month": (
        "Les lignes montrent le mois entier, dont {count} comptés après sa "
        "facturation ; le tout est tarifé comme si c’était arrivé à temps."
    ),
}

_ES = {
    "in_all": "En total",
    "usage_details": "Detalle de uso",
    "late_usage": "Uso comunicado con retraso",
    "keys_one": "1 clave de API",
    "keys_many": "{count} claves de API",
    "api_requests": "Peticiones de API",
    "average_requests": "Peticiones por día (media)",
    "deeds_retrieved": "Escrituras consultadas",
    "average_deeds": "Escrituras por día (media)",
    "metered_usage": "Importe por uso",
    "deeds_per_day": "Escrituras por día",
    "api_key": "Clave de API",
    "without_key": "Sin clave de API",
    "other_rows": "{count} filas más, en la lista de uso",
    "after_billing": "Contado después de facturar",
    "not_invoiced": "Contado arriba, no incluido en esta factura",
    "counted_late": "Contado con retraso",
    "billed_before": "Facturado antes",
    "counted_in_all": "Contado en total",
    "charged_late": "Facturado por ello",
    "shares": (
        "Cada importe es la parte de la fila en {amount} según lo contado; las "
        "unidades incluidas en el contrato se reparten del mismo modo."
    ),
    "no_amounts": "No se indican importes por fila: lo contado ha cambiado desde la facturación.",
    "late_rows": "Contado después de facturar el mes y valorado como si hubiera llegado a tiempo.",
    "late_month": (
        "Las filas muestran el mes completo, del que {count} se contaron después de "
        "facturarlo; todo se valora como si hubiera llegado a tiempo."
    ),
}

_JA = {
    "in_all": "合計",
    "usage_details": "ご利用明細",
    "late_usage": "後日計上分のご利用明細",
    "keys_one": "APIキー 1件",
    "keys_many": "APIキー {count}件",
    "api_requests": "APIリクエスト数",
    "average_requests": "1日平均リクエスト数",
    "deeds_retrieved": "登記簿取得数",
    "average_deeds": "1日平均登記簿取得数",
    "metered_usage": "従量料金",
    "deeds_per_day": "1日あたりの登記簿取得数",
    "api_key": "APIキー",
    "without_key": "APIキーなし",
    "other_rows": "ほか {count} 行（利用一覧に記載）",
    "after_billing": "請求後の計上分",
    "not_invoiced": "上記に含まれ、本請求書には含まれません",
    "counted_late": "後日計上",
    "billed_before": "請求済み",
    "counted_in_all": "計上合計",
    "charged_late": "今回のご請求額",
    "shares": ("各行の金額は {amount} を計上数に応じて按分したものです。契約に含まれる数量も同様に按分しています。"),
    "no_amounts": "請求後に計上数が変わったため、行ごとの金額は記載していません。",
    "late_rows": "対象月の請求後に計上され、期限内に計上された場合と同じ料金で計算しています。",
    "late_month": (
        "行は対象月全体を示し、うち {count} は請求後に計上されたものです。"
        "すべて期限内に計上された場合と同じ料金で計算しています。"
    ),
}

ANNEX_WORDS: Mapping[str, Mapping[str, str]] = {"en": _EN, "de": _DE, "fr": _FR, "es": _ES, "ja": _JA}
