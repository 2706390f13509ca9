"""A company to look at: Parcelbase sells land-register data by subscription and by contract.

Owns: who its customers are and what happened to them, told for a given day. Does not own: any rule of the product; its
money moves through the same services and the same Stripe inbox as everybody's. May import: every app; only its own
commands import it.
"""
