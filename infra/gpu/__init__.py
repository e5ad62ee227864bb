"""Training on a real card: what it could do, what it did, and the paper that says so."""
