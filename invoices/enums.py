"""Words invoices use."""

from __future__ import annotations

from django.db import models


class Origin(models.TextChoices):
    NATIVE = "native", "Ours"
    STRIPE = "stripe", "Stripe"


class InvoiceStatus(models.TextChoices):
    DRAFT = "draft", "Draft"
    OPEN = "open", "Open"
    PAID = "paid", "Paid"
    VOID = "void", "Void"
    UNCOLLECTIBLE = "uncollectible", "Uncollectible"


class CreditNoteStatus(models.TextChoices):
    ISSUED = "issued", "Issued"
    VOID = "void", "Void"


class DocumentKind(models.TextChoices):
    INVOICE = "invoice", "Invoice"
    CREDIT_NOTE = "credit_note", "Credit note"


class LineKind(models.TextChoices):
    ITEM = "item", "Item"
    FEE = "fee", "Fee"
    USAGE = "usage", "Usage"
    MINIMUM = "minimum", "Minimum commitment"
    MAXIMUM = "maximum", "Monthly maximum"
    CORRECTION = "correction", "Late usage"


class Rounding(models.TextChoices):
    LINE = "line", "Tax rounded per line"
    DOCUMENT = "document", "Tax rounded per document"


class TaxCategory(models.TextChoices):
    """Why a line is taxed as it is, by the codes of EN 16931."""

    STANDARD = "S", "Taxed at a rate"
    ZERO = "Z", "Zero rated"
    EXEMPT = "E", "Exempt from tax"
    REVERSE_CHARGE = "AE", "Reverse charge"
    WITHIN_EU = "K", "Supply within the EU"
    EXPORT = "G", "Export"
    OUTSIDE = "O", "Outside the scope of tax"
    CANARY_ISLANDS = "L", "Canary Islands (IGIC)"
    CEUTA_MELILLA = "M", "Ceuta and Melilla (IPSI)"


UNTAXED = (
    TaxCategory.ZERO,
    TaxCategory.EXEMPT,
    TaxCategory.REVERSE_CHARGE,
    TaxCategory.WITHIN_EU,
    TaxCategory.EXPORT,
    TaxCategory.OUTSIDE,
)


class Language(models.TextChoices):
    ENGLISH = "en", "English"
    GERMAN = "de", "Deutsch"
    FRENCH = "fr", "Français"
    SPANISH = "es", "Español"
    JAPANESE = "ja", "日本語"


class Channel(models.TextChoices):
    EMAIL = "email", "E-mail"
    POST = "post", "Post"
    PORTAL = "portal", "Customer's portal"
    HAND = "hand", "By hand"


class DeliveryState(models.TextChoices):
    QUEUED = "queued", "Waiting"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    UNKNOWN = "unknown", "Unknown"
    MARKED = "marked", "Marked as sent"
