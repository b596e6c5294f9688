"""Write docs/api.md from the docstrings of the package: run it after changing one.

    python docs/make_api.py

A page of one entry a public name: its summary, its signature or its methods, its examples, and, folded, the rest of the docstring. A
name that stands in no group, or in two, is an error of tests/test_examples.py.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path

import mehler

# title, what it is for, names in the order in which a reader meets them
GROUPS = [
    (
        "Smallest eigenvalues",
        "The number, its error bar, and what it will take. [Accuracy](accuracy.md), [how mehler chooses](how-mehler-chooses.md).",
        "min_eig EigenResult eigvalsh Spectrum eigsh check_psd Definiteness plan Plan".split(),
    ),
    (
        "The whole spectrum",
        "Counts, log-determinant, traces, each with an interval. [Spectrum](spectrum.md).",
        "spectrum SpectralDensity Interval".split(),
    ),
    (
        "Points",
        "Where they come from, and what they are. [Data](data.md).",
        "load generate normalize describe DataSummary".split(),
    ),
    (
        "Activations and kernels",
        "The mathematics, without any data. [Mathematics](maths.md).",
        "activation activations Activation gradient_kernel nngp ntk Kernel".split(),
    ),
    (
        "Why it is small",
        "What the points do, what the activation does, which points are to blame, what is proved. [Diagnosis](diagnosis.md), [bounds](maths.md#bounds).",
        "diagnose Diagnosis DataDiagnosis Smoothness attribute Attribution AttributionRow bounds Bounds Bound".split(),
    ),
    (
        "Many at once",
        "Tables, exponents, reports and pictures. [Sweeps](sweeps.md), [studies](study.md).",
        "sweep Sweep SweepRow rates Rates RateRow Fit study StudyReport plot_spectrum plot_dimension".split(),
    ),
    (
        "Finite width and training",
        "Networks of m neurons, what descent does to them, and what the kernel says beforehand. [Finite width](finite-width.md), [training](training.md).",
        "width_study WidthStudy WidthRow train Training TrainingRow predict_training TrainingPrediction Iterations".split(),
    ),
    (
        "Matrices",
        "Operators that multiply, for solvers of this package or of others, and linear systems with them. [Coming from](coming-from.md).",
        "gram Gram Dask feature_gram FeatureGram gram_from_rows solve Solution".split(),
    ),
    (
        "The rest",
        "What was built, and what is warned of.",
        "build_info ConvergenceWarning PrecisionWarning".split(),
    ),
]

HEAD = """# Reference

<!-- Made by docs/make_api.py from the docstrings; edit those. -->

Every public name. Examples start from

```python
import numpy as np
import mehler as mh
```

and are executed by the tests, in this wording; `...` stands for lines left out. `help(mh.min_eig)` shows the same text. New here? The [tutorial](tutorial.md) goes from data to a decision.
"""
ROLE = re.compile(r":(?:func|class|meth):`([\w.]+)`")


def head(name: str) -> str:
    """Functions and classes whose names differ in a capital only need anchors that differ."""
    return f"{'class ' * inspect.isclass(getattr(mehler, name))}`mh.{name}`"


def slug(name: str) -> str:
    """The file of an entry: names that differ in a capital only share a file on some systems."""
    return f"{'class-' * inspect.isclass(getattr(mehler, name))}{name}"


def link(name: str, shown: str, target: str = "") -> str:
    fragment = re.sub(r"[^\w\- ]", "", head(name).lower()).replace(" ", "-")
    return f"[`{shown}`]({target.format(slug(name)) or '#' + fragment})"


def prose(text: str, target: str = "") -> str:
    """A sentence of a docstring as Markdown: roles become links, signs that Markdown reads are escaped.

    Links lead to the entry in this page, or to ``target`` with the name put in.
    """
    kept: list[str] = []

    def keep(piece: str) -> str:
        kept.append(piece)
        return f"\0{len(kept) - 1}\0"

    def role(match: re.Match[str]) -> str:
        public = match[1].partition(".")[0]
        return keep(link(public, match[1], target) if public in mehler.__all__ else f"`{match[1]}`")

    text = ROLE.sub(role, text)
    text = re.sub(r"``(.+?)``", lambda m: keep(f"`{m[1]}`"), text)
    text = re.sub(r"([\\*<|])", r"\\\1", text)
    return re.sub(r"\0(\d+)\0", lambda m: kept[int(m[1])], text)


def plain(text: str) -> str:
    return ROLE.sub(r"mh.\1", text).replace("``", "")


def signature(name: str, function: object) -> str:
    """name(a, b=1, *, c=None), without types, in lines of at most 100."""
    shown, starred = [], False
    for p in inspect.signature(function).parameters.values():  # type: ignore[arg-type]
        if p.name == "self":
            continue
        if p.kind is p.KEYWORD_ONLY and not starred:
            shown.append("*")
            starred = True
        star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        default = "" if p.default is p.empty else f"={p.default!r}"
        shown.append(f"{star}{p.name}{default}")
    line = f"{name}({', '.join(shown)})"
    return "\n".join(textwrap.wrap(line, 100, subsequent_indent=" " * 4, break_long_words=False))


def parts(thing: object) -> tuple[str, str, str]:
    """Summary, sections and examples of a docstring."""
    doc = inspect.getdoc(thing) or ""
    text, _, examples = doc.partition("\nExamples\n--------\n")
    summary, _, rest = text.partition("\n\n")
    return " ".join(summary.split()), rest.strip(), examples.strip()


def own(public: type) -> dict[str, object]:
    """Members of a class that this package defines, those of its bases as well."""
    bases = [base for base in public.__mro__ if base.__module__.startswith("mehler.")]
    return {name: member for base in reversed(bases) for name, member in vars(base).items()}


def named(public: type) -> dict[str, object]:
    """Methods and properties that are called by name."""
    return {
        name: member
        for name, member in own(public).items()
        if not name.startswith("_")
        and (
            inspect.isfunction(getattr(member, "__func__", member)) or isinstance(member, property)
        )
    }


def members(public: type) -> list[str]:
    """A line for each method and property that is called by name."""
    lines = []
    for name, member in named(public).items():
        function = getattr(member, "__func__", member)
        call = f".{name}" if isinstance(member, property) else signature(f".{name}", function)
        call = " ".join(call.split())
        lines.append(f"| `{call}` | {prose(parts(member)[0])} |")
    return lines


def listing(examples: str) -> list[str]:
    """Examples as blocks of code, with the sentences between them."""
    out: list[str] = []
    for piece in re.split(r"\n\n", examples):
        code = piece.startswith(">>>")
        out += ["", *(["```pycon", piece, "```"] if code else [prose(piece)])]
    return out


def entry(name: str) -> str:
    thing = getattr(mehler, name)
    summary, rest, examples = parts(thing)
    lines = [f"### {head(name)}", "", prose(summary)]
    if inspect.isclass(thing):
        table = members(thing)
        if table:
            lines += ["", "| member | |", "| --- | --- |", *table]
    else:
        lines += ["", "```text", signature(f"mh.{name}", thing), "```"]
    lines += listing(examples)
    if rest:
        what = (
            "Fields" if inspect.isclass(thing) else "Parameters, what comes back, errors, sources"
        )
        lines += [
            "",
            f"<details><summary>{what}</summary>",
            "",
            "```text",
            plain(rest),
            "```",
            "",
            "</details>",
        ]
    return "\n".join(lines) + "\n"


def page() -> str:
    menu = [
        f"- **{title}**: " + ", ".join(link(name, name) for name in names)
        for title, _, names in GROUPS
    ]
    out = [HEAD, "\n".join(menu) + "\n"]
    for title, what, names in GROUPS:
        out.append(f"## {title}\n\n{what}\n")
        out += [entry(name) for name in names]
    return "\n".join(out)


if __name__ == "__main__":
    Path(__file__).with_name("api.md").write_text(page(), encoding="utf-8")
