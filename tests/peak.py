"""The largest resident memory of a call, in a process of its own.

    peak - base,    base: the interpreter with mehler imported and used once, and the points made

The high-water mark is taken from /proc (Linux), where it can be set back after the points have been made;
``getrusage`` would also report what the process that started this one had at its largest.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass

CHILD = """
import json, sys, warnings
import numpy as np
import mehler as mh

n, d, options = json.loads(sys.argv[1])
warnings.simplefilter("ignore")

def high_water():
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])

X = np.random.default_rng(0).standard_normal((n, d))
X /= np.sqrt(np.einsum("ij,ij->i", X, X))[:, None]
for method in ("auto", "lanczos"):  # what is imported late, and the compiled kernel
    mh.min_eig(X[:40], "relu", method=method)
with open("/proc/self/clear_refs", "w") as f:
    f.write("5")  # the mark goes back to what is resident now
base, phases = high_water(), set()
try:
    r = mh.min_eig(X, "relu", rng=0, callback=lambda s: phases.add(s.phase), **options)
    said = dict(method=r.method, status=r.status, nbytes=r.nbytes, refused="")
except MemoryError as error:
    said = dict(method="", status="", nbytes=0, refused=str(error))
print(json.dumps(dict(said, grown=high_water() - base, phases=sorted(phases))))
"""


@dataclass(frozen=True)
class Peak:
    """What a call took: bytes above the base, or why it was refused."""

    method: str
    status: str
    nbytes: int
    refused: str
    grown: int
    phases: list[str]


def peak(n: int, d: int, timeout: float = 600.0, **options: object) -> Peak:
    """``min_eig`` of n random points of the sphere in d dimensions, with these options."""
    child = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps([n, d, options])],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    return Peak(**json.loads(child.stdout))
