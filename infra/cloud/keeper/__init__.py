"""The keeper of one program: walls it off, starts it, counts what it uses, ends it as a whole.

A process of its own, which runs only the standard library. Limit: knows no cloud.
"""
