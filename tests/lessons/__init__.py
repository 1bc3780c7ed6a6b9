"""One test or more for each mistake of the original that must not come back.

The number in a test's name is the number of the lesson. Its docstring names the change to the
code that turns it red; ``test_catalogue.py`` sees to it that every lesson has tests and that what
the docstrings name is there.
"""
