"""The door to Stripe: signatures, inbox, projections, the mirror and the fake server."""
