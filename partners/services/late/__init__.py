"""Usage that no invoice holds: found, settled on papers, or said to stay unbilled; and where all of it went."""
