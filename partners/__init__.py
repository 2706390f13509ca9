"""What was agreed with API partners, what they used, and what it costs.

Owns: see the tables in `models`. Does not own: documents and their numbers, settlement, reports.
May import: payments, invoices, billing_site.kit.
"""
