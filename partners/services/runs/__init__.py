"""The month end: previewed, decided, issued and sent."""
