"""What it all means: revenue, recurring revenue, aging, and the daily proof.

Owns: see the tables in `models`. Does not own: any fact: it reads everybody, and nobody reads it.
May import: partners, payments, invoices, billing_site.kit.
"""
