"""Points: from files (``files.py``), generated (``generated.py``), scaled and described (``points.py``)."""
