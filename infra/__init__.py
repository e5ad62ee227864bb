"""Imitates, reaches and deploys clouds; it has never heard of points or learners."""
