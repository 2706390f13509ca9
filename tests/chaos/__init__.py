"""The proof by faults: a company's month ends while everything under it is killed, and the books are right afterwards.

`python -m tests.chaos` (or `make chaos`) brings its own PostgreSQL, Valkey, web server, worker and clock, the very
programs of the demo, and counts what is left. Nothing in here takes the product's word for an amount.
"""
