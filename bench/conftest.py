"""What benches share: a page of results at the end, and the machine's own limits.

    python -m pytest bench                     # everything, about ten minutes on two cores
    python -m pytest bench -m 'not slow'       # without the peers that take minutes

A bench asserts the answer first, then the ratio it claims. Times are medians; a limit or a peer is
measured in turn with ours, so that whatever else the machine does hits both.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

LINES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "slow: a peer in it takes minutes")
    config.stash[LINES] = []


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Put a line on the page of results."""
    lines = request.config.stash[LINES]
    lines.append(f"\n{request.node.name}: {(request.function.__doc__ or '').splitlines()[0]}")
    return lines.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = terminalreporter.config.stash[LINES]
    if lines:
        terminalreporter.section("results")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session", autouse=True)
def machine(request: pytest.FixtureRequest) -> None:
    """Name the build and the machine above the results."""
    import mehler as mh

    request.config.stash[LINES].append(str(mh.build_info()))
