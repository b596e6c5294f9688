"""Run the code of docs/tutorial.md, and put its pictures where the page shows them.

    python examples/tutorial.py [FOLDER]

FOLDER is docs/pictures unless it is given. The page is the only place where the code stands.
"""

import os
import re
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"

page = (DOCS / "tutorial.md").read_text(encoding="utf-8")
code = "\n".join(re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
os.chdir(sys.argv[1] if len(sys.argv) > 1 else DOCS / "pictures")
exec(compile(code, "tutorial.md", "exec"), {"__name__": "tutorial"})
