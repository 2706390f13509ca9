"""The ground every app stands on: money, periods, fields, admin and export bases, roles, audit, jobs.

Owns: what has no business meaning of its own. Does not own: any fact about a customer or an amount.
May import: no app.
"""
