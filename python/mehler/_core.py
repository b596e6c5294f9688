"""The compiled core: the build for the best CPU level that this processor has.

Set ``MEHLER_CPU_LEVEL=base`` or ``v3`` to choose by hand.
"""

import importlib as _importlib
import importlib.util as _util
import os as _os


def _choose() -> str:
    built = [
        level
        for level in ("v3", "base")
        if _util.find_spec(f"{__package__}._core_{level}") is not None
    ]
    if not built:
        raise ImportError(
            f"mehler's compiled core is not in {_os.path.dirname(__file__)}. Install the package "
            "(pip install .), and import it from another folder than its source."
        )
    from . import _cpu

    asked = _os.environ.get("MEHLER_CPU_LEVEL")
    if asked:
        if asked not in built:
            raise ImportError(
                f"MEHLER_CPU_LEVEL must be one of the levels of this build, {built}; got {asked!r}. "
                "Unset it to take the best one that the processor has."
            )
        if asked == "v3" and not _cpu.has_x86_64_v3():
            raise ImportError(
                "MEHLER_CPU_LEVEL='v3' needs a processor with AVX2, FMA and BMI2; this one lacks "
                "them. Unset it to take the best level that the processor has."
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
