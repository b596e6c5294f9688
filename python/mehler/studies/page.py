"""The page of a study: HTML in one file, its pictures inside, nothing loaded from anywhere.

Dark on light, one column, tables that scroll by themselves on a phone, panels that stand one below the other there; every picture has words for who cannot see it.
"""

from __future__ import annotations

import base64
import html
import io
import platform
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .report import Part, StudyReport, Table, is_number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GRID = 8.0  # inches: a wider picture is a grid of panels, and scrolls on a phone
ABOVE = "On this narrow screen what is left stands above, what is right below."

STYLE = """
:root { color-scheme: light; --ink: #1d2530; --soft: #5a6572; --line: #dfe4ea; --wash: #f5f7fa; --mark: #0072b2; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; padding: 2rem 1.1rem 4rem; max-width: 54rem; background: #fff; color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "Liberation Sans", Arial, sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .3rem; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .6rem; padding-top: .9rem; border-top: 1px solid var(--line); }
h3, caption { font-size: 1rem; font-weight: 650; text-align: left; margin: 0; padding: 0 0 .45rem; }
caption span { display: block; position: sticky; left: 0; max-width: min(44rem, calc(100vw - 2.2rem)); }
p { margin: .6rem 0; max-width: 44rem; }
.what { color: var(--soft); margin: 0 0 1.2rem; }
.found { background: var(--wash); border-left: 4px solid var(--mark); border-radius: 0 6px 6px 0; padding: .55rem 1rem; }
.found p { margin: .35rem 0; }
.cut { background: #fff4e5; border-left-color: #d55e00; margin-top: .8rem; }
nav ul { list-style: none; padding: 0; margin: 1rem 0 0; display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; }
a { color: var(--mark); }
figure { margin: 1.3rem 0; }
.scroll { overflow-x: auto; -webkit-overflow-scrolling: touch; background: /* a shadow where there is more; its cover scrolls along */
  linear-gradient(to right, #fff 35%, #fff0) 0 0 / 2.5rem 100% no-repeat local,
  linear-gradient(to left, #fff 35%, #fff0) 100% 0 / 2.5rem 100% no-repeat local,
  linear-gradient(to right, #0006, #0000) 0 0 / .9rem 100% no-repeat scroll,
  linear-gradient(to left, #0006, #0000) 100% 0 / .9rem 100% no-repeat scroll; }
.scroll img { mix-blend-mode: multiply; } /* white paper lets the shadow through */
figure img { display: block; width: 100%; height: auto; }
figure img.wide { min-width: 33rem; }
figcaption, .note { color: var(--soft); font-size: .9rem; max-width: 44rem; margin: .4rem 0 0; }
.table { margin: 1.3rem 0; }
table { min-width: min(100%, 27rem); border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
thead th { border-bottom: 2px solid var(--ink); white-space: nowrap; }
tbody th { font-weight: 600; white-space: nowrap; }
.n { text-align: right; white-space: nowrap; padding-left: .8rem; }
td.floor { color: var(--soft); font-style: italic; }
code, pre { font-family: ui-monospace, "SFMono-Regular", "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .88em; }
pre { background: var(--wash); border-radius: 6px; padding: .7rem .9rem; overflow-x: auto; margin: .6rem 0; }
footer { color: var(--soft); font-size: .9rem; margin-top: 2.6rem; border-top: 1px solid var(--line); padding-top: .9rem; }
.narrow { display: none; }
@media (max-width: 36rem) { .narrow { display: inline; } body { padding: 1.2rem .9rem 3rem; } h1 { font-size: 1.4rem; } }
@media print { body { max-width: none; } figure, .table { break-inside: avoid; } figure img.wide { min-width: 0; } nav { display: none; } }
""".strip()


def svg(fig: Figure) -> str:
    """A figure as SVG, the same bytes whenever it is the same figure.

    Parameters
    ----------
    fig
        A matplotlib figure.
    """
    import matplotlib as mpl

    out = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "mehler", "svg.fonttype": "path"}):
        fig.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def page(
    study: StudyReport,
    drawn: Mapping[str, str],
    command: str | None = None,
    missing: str = "",
    narrow: Mapping[str, str] | None = None,
) -> str:
    """The whole page.

    Parameters
    ----------
    study
        What it shows.
    drawn
        SVG by the name of its picture; a picture that is not there is told in words.
    command
        The line that made it; None: the call in Python.
    missing
        Why there are no pictures.
    narrow
        SVG of those that are drawn otherwise for a phone.
    """
    e = html.escape
    title = e(study.title)
    anchors = [f"s{k}" for k in range(1, len(study.sections) + 1)]
    menu = "".join(
        f'<li><a href="#{a}">{e(s.title)}</a></li>'
        for a, s in zip(anchors, study.sections, strict=True)
    )
    found = "".join(f"<p>{e(sentence)}</p>" for sentence in study.conclusions)
    cut = '<div class="found cut"><p>Interrupted: what was not reached is missing.</p></div>'
    no = f'<div class="found cut"><p>{e(missing)}</p></div>'
    body = "\n".join(
        f'<section id="{a}" aria-labelledby="{a}h">\n<h2 id="{a}h">{e(s.title)}</h2>\n'
        + "\n".join(_part(part, drawn, narrow or {}) for part in s.parts)
        + "\n</section>"
        for a, s in zip(anchors, study.sections, strict=True)
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="mehler">
<title>{title}</title>
<style>
{STYLE}
</style>
</head>
<body>
<header>
<h1>{title}</h1>
<p class="what">{e(_what(study))}</p>
<div class="found">{found}</div>
{cut if study.interrupted else ""}{no if missing else ""}
<nav aria-label="Contents"><ul>{menu}<li><a href="#made">How this was made</a></li></ul></nav>
</header>
<main>
{body}
{_made(study, command)}
</main>
<footer>{e(platform_line())}</footer>
</body>
</html>
"""


def _part(part: Part, drawn: Mapping[str, str], narrow: Mapping[str, str]) -> str:
    e = html.escape
    if isinstance(part, str):
        return f"<p>{e(part)}</p>"
    if isinstance(part, Table):
        return _table(part)
    image, below = drawn.get(part.name), ""
    if image is None:
        inside = f"<p>{e(part.alt)}</p>"
    else:
        wide, high = part.size
        small = narrow.get(part.name)
        kind = ' class="wide"' if wide > GRID and small is None else ""
        inside = (
            f'<img alt="{e(part.alt)}"{kind} width="{100 * wide:.0f}" height="{100 * high:.0f}" '
            f'src="{_data(image)}">'
        )
        if small is not None:
            other = f'<source media="(max-width: 36rem)" srcset="{_data(small)}">'
            inside = f"<picture>{other}{inside}</picture>"
        inside = f'<div class="scroll">{inside}</div>'
        if small is not None and re.search(r"\b(left|right)\b", part.caption, re.IGNORECASE):
            below = f' <span class="narrow">{ABOVE}</span>'
    return f"<figure>\n<h3>{e(part.title)}</h3>\n{inside}\n<figcaption>{e(part.caption)}{below}</figcaption>\n</figure>"


def _data(image: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(image.encode()).decode()}"


def _table(table: Table) -> str:
    e = html.escape
    numeric = [
        c > 0 and all(is_number(row[c]) for row in table.rows) for c in range(len(table.head))
    ]

    def cell(c: int, text: str) -> str:
        kinds = ["n"] * numeric[c] + ["floor"] * text.startswith("<= ")
        kind = f' class="{" ".join(kinds)}"' if kinds else ""
        shown = e(text).replace("&lt;=", "≤").replace("&gt;=", "≥")
        return f'<th scope="row">{shown}</th>' if c == 0 else f"<td{kind}>{shown}</td>"

    head = "".join(
        f'<th scope="col"{" class=n" * numeric[c]}>{e(text)}</th>'
        for c, text in enumerate(table.head)
    )
    rows = "\n".join(
        "<tr>" + "".join(cell(c, text) for c, text in enumerate(row)) + "</tr>"
        for row in table.rows
    )
    note = f'<p class="note">{e(table.note)}</p>' if table.note else ""
    return (
        f'<div class="table"><div class="scroll"><table>\n<caption><span>{e(table.title)}</span></caption>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table></div>{note}</div>"
    )


def _made(study: StudyReport, command: str | None) -> str:
    from .._build import build_info

    e = html.escape
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    rows = [("made", now), ("took", f"{study.seconds:.1f} s")]
    rows += [(key, _words(value)) for key, value in study.asked.items() if value is not None]
    rows += [(key, str(value)) for key, value in build_info().items()]
    lines = "\n".join(f'<tr><th scope="row">{e(k)}</th><td>{e(v)}</td></tr>' for k, v in rows)
    links = ", ".join(
        f'<a download="{e(study.file(name, "csv"))}" href="data:text/csv;base64,'
        f'{base64.b64encode(study.csv(name).encode()).decode()}">{e(study.file(name, "csv"))}</a>'
        for name in study.records
    )
    return f"""<section id="made" aria-labelledby="madeh">
<h2 id="madeh">How this was made</h2>
<pre><code>{e(command or _call(study))}</code></pre>
<p>The numbers, with all their digits: {links}. They are inside this page too.</p>
<div class="table"><div class="scroll"><table>
<caption><span>Points, seed, versions</span></caption>
<tbody>
{lines}
</tbody>
</table></div></div>
</section>"""


def _words(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _what(study: StudyReport) -> str:
    """Points and seed in a line."""
    return f"{study.asked.get('points', '')}; seed {study.asked.get('seed', '-')}."


def _call(study: StudyReport) -> str:
    words = [repr(study.which)]
    if study.asked.get("file") is not None:
        words.append("X")
    words += [f"{k}={study.asked[k]!r}" for k in ("n", "quick") if study.asked.get(k)]
    words.append(f"rng={study.asked.get('seed')!r}")
    return f"mh.study({', '.join(words)})"


def platform_line() -> str:
    """Who made it, in a line."""
    from .. import __version__

    return f"mehler {__version__}, Python {platform.python_version()}"
