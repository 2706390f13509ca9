"""What we received, gave back and hold, and the door to Stripe.

Owns: see the tables in `models`. Does not own: invoices' own life cycle, contracts, reports.
May import: invoices, billing_site.kit.
"""
