"""The fault harness: the real stack, killed again and again while files keep arriving, then counted from outside.

`python -m tests.chaos` (the long form, `make chaos`) and `test_short_form.py` run the same code.
"""
