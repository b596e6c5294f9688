"""The compiled core: the build for the best CPU level that this processor has.

Set ``MEHLER_CPU_LEVEL=base`` or ``v3`` to choose by hand.
"""

import importlib as _importlib
import importlib.util as _util
import os as _os


def _choose() -> str:
    from . import _cpu

    built = [
        level
        for level in ("v3", "base")
        if _util.find_spec(f"{__package__}._core_{level}") is not None
    ]
    asked = _os.environ.get("MEHLER_CPU_LEVEL")
    if asked is not None:
        if asked not in built:
            raise ImportError(
                f"MEHLER_CPU_LEVEL={asked!r} is not among the levels of this build: {built}."
            )
        return asked
    for level in built:
        if level == "base" or _cpu.has_x86_64_v3():
            return level
    raise ImportError(
        f"no build of mehler fits this processor; built: {built}. Reinstall with "
        "MEHLER_LEVELS=base (pip install . -C cmake.define.MEHLER_LEVELS=base)."
    )


_module = _importlib.import_module(f"{__package__}._core_{_choose()}")
globals().update({_k: _v for _k, _v in vars(_module).items() if not _k.startswith("_")})
