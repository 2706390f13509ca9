"""Usage: how it comes in, is kept exact, moves to files, and is proved."""
