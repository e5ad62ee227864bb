"""The terminal: parse, call one function, print, exit. Holds no logic of grading."""
