"""The roof: wiring only. Imports every app, is imported by none (billing_site.kit, the ground, excepted)."""
