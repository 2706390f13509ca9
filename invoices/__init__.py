"""What we asked for: sellers, customers, invoices, credit notes, numbers, documents.

Owns: see the tables in `models`. Does not own: payments (what settles an invoice), contracts, usage, reports.
May import: billing_site.kit.
"""
