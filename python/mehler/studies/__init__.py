"""Studies: questions answered with a table and a picture, ``python -m mehler study``."""
