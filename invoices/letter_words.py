"""Owns the sentences of mails, one small table per language; single words are those of the documents."""
# ruff: noqa: RUF001 (French apostrophes and Japanese brackets are meant)

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_EN = {
    "subject": "{paper} {number} from {sender}",
    "greeting": "Hello,",
    "invoice_lead": "Please find attached invoice {number} of {issued}.",
    "credit_note_lead": "Please find attached credit note {number} of {issued}, which corrects invoice {corrects}.",
    "pay": "Please pay {amount} by {due}.",
    "pay_rest": "{amount} of it is still to be paid, by {due}.",
    "settled": "Nothing remains to be paid.",
    "credited": "It credits you {amount}.",
    "closing": "If you have a question, simply reply to this e-mail.",
    "regards": "Kind regards",
}
_DE = {
    "subject": "{paper} {number} von {sender}",
    "greeting": "Guten Tag,",
    "invoice_lead": "anbei erhalten Sie unsere Rechnung {number} vom {issued}.",
    "credit_note_lead": "anbei erhalten Sie unsere Rechnungskorrektur {number} vom {issued} zur Rechnung {corrects}.",
    "pay": "Bitte zahlen Sie {amount} bis zum {due}.",
    "pay_rest": "Davon sind noch {amount} offen, zahlbar bis zum {due}.",
    "settled": "Es ist nichts mehr zu zahlen.",
    "credited": "Wir schreiben Ihnen {amount} gut.",
    "closing": "Bei Fragen antworten Sie einfach auf diese E-Mail.",
    "regards": "Mit freundlichen Grüßen",
}
_FR = {
    "subject": "{paper} {number} de {sender}",
    "greeting": "Bonjour,",
    "invoice_lead": "Veuillez trouver ci-joint notre facture {number} du {issued}.",
    "credit_note_lead": "Veuillez trouver ci-joint notre avoir {number} du {issued}, relatif à la facture {corrects}.",
    "pay": "Merci de régler {amount} au plus tard le {due}.",
    "pay_rest": "Il reste {amount} à régler, au plus tard le {due}.",
    "settled": "Il ne reste rien à payer.",
    "credited": "Son montant est de {amount}.",
    "closing": "Pour toute question, il vous suffit de répondre à ce message.",
    "regards": "Cordialement",
}
_ES = {
    "subject": "{paper} {number} de {sender}",
    "greeting": "Buenos días:",
    "invoice_lead": "Adjuntamos nuestra factura {number}, con fecha {issued}.",
    "credit_note_lead": "Adjuntamos la factura rectificativa {number}, con fecha {issued}, de la factura {corrects}.",
    "pay": "Le rogamos que abone {amount} a más tardar el {due}.",
    "pay_rest": "Quedan por abonar {amount}, a más tardar el {due}.",
    "settled": "No queda ningún importe pendiente.",
    "credited": "Su importe es de {amount}.",
    "closing": "Si tiene alguna pregunta, responda a este correo.",
    "regards": "Un cordial saludo",
}
_JA = {
    "subject": "【{sender}】{paper} {number}",
    "greeting": "{customer} 御中\n平素より大変お世話になっております。",
    "invoice_lead": "{issued}付の請求書（{number}）をお送りいたします。添付のPDFをご確認ください。",
    "credit_note_lead": "{issued}付の返還請求書（{number}）をお送りいたします。対象の請求書は{corrects}です。",
    "pay": "{due}までに{amount}をお支払いくださいますよう、お願い申し上げます。",
    "pay_rest": "残りのご請求金額は{amount}、お支払期限は{due}です。",
    "settled": "お支払いいただく金額はございません。",
    "credited": "返還金額は{amount}です。",
    "closing": "ご不明な点がございましたら、このメールにご返信ください。",
    "regards": "何卒よろしくお願い申し上げます。",
}

PHRASES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        language: MappingProxyType(phrases)
        for language, phrases in {"en": _EN, "de": _DE, "fr": _FR, "es": _ES, "ja": _JA}.items()
    },
)
