"""The tiles of one kernel matrix, placed on workers: products with it, and what its fill has seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._arrays import Array
from . import direct, rounds, worker
from .holders import Holders
from .placement import CHUNK, ProductCost, leaf_sizes, product_cost
from .worker import joined


class Tiles(Holders):
    """Tiles on workers; parameters are those of :class:`Holders`."""

    @property
    def nbytes(self) -> int:
        """Bytes of all tiles."""
        return sum(leaf_sizes(self.setup.n, self.setup.dtype))

    def cost(self, b: int) -> ProductCost:
        """What a product with b vectors costs as they are placed now."""
        return product_cost(self.setup.n, b, self.setup.dtype, list(self.held.values()))

    def product(self, V: Array, exact: bool = False) -> Array:
        """K V, by the workers, in slices of ``CHUNK`` columns; where workers are lost, a slice again once their tiles are back.

        The core multiplies four, two and one column at a time, so that slices change no bit.
        """
        V = np.asfortranarray(V, dtype=np.float64)
        b, lost = V.shape[1], 0
        found = np.empty((self.setup.n, b), order="F")
        for at in range(0, b, CHUNK):
            found[:, at : at + CHUNK], lost = self._slice(V[:, at : at + CHUNK], exact, lost)
        self._count(products=1)
        return found

    def _slice(self, V: Array, exact: bool, lost: int) -> tuple[Array, int]:
        """K V of a few columns, and how often workers have been lost in this product; ``lost``: before."""
        passed_on = 0

        def ask() -> dict[str, tuple[str, Any]]:
            nonlocal passed_on
            try:
                answers, passed_on = self._parts(V, exact)
            except KeyboardInterrupt:
                self._cancel()
                raise
            return answers

        answers, lost = self.of_all(ask, lost)
        sums = [part for w in sorted(answers) for part in answers[w]]
        self._count(
            messages=2 * len(answers),
            passed_on=2 * passed_on,
            bytes_out=V.nbytes * len(answers),
            bytes_in=sum(Y.nbytes for _, _, Y in sums),
        )
        ((first, many, Y),) = joined([(i, s, np.array(Y, order="F")) for i, s, Y in sums])
        assert (first, many) == (0, self.count)
        return Y, lost

    def _parts(self, V: Array, exact: bool) -> tuple[dict[str, tuple[str, Any]], int]:
        """What each worker says of its part of a product, and how many of them the scheduler has asked."""
        rounds.check(self.client)
        watch = rounds.Watch(self.client, self._gone)
        question = self.client, worker.multiply, self.setup.token, V, exact
        asked = list(self.held)  # another thread may place leaves meanwhile
        with self.lines.taken(asked) as lines:
            others = [w for w in asked if w not in lines]
            passed = rounds.Round(*question, workers=others) if others else None
            answers = direct.ask(lines, V, exact, watch)
            silent = [w for w in lines if w not in answers]
        if passed is not None:
            answers |= passed.answers(watch)
        if silent:  # who is lost, and who cannot be reached from here any more?
            answers |= rounds.ask(*question, workers=silent, gone=self._gone)
        return answers, len(others) + len(silent)

    def squares(self) -> float:
        """sum K_ij^2, in the order of the leaves."""
        answers, _ = self.of_all(lambda: self._ask(worker.squares))
        found = {leaf: value for part in answers.values() for leaf, value in part.items()}
        if missing := set(range(self.count)) - set(found):
            raise RuntimeError(
                f"workers said nothing of leaves {sorted(missing)}, and were expected to hold all; call gram again."
            )
        return float(sum(value for _, value in sorted(found.items())))

    def pairs(self) -> dict[str, Any]:
        """What the fills saw of the pairs, as the core describes it."""
        answers, _ = self.of_all(lambda: self._ask(worker.pairs))
        return met([part for parts in answers.values() for part in parts])


def met(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What parts of a fill saw of the pairs, joined as the core joins it."""

    def rank(pair: tuple[int, int, float]) -> tuple[float, int, int]:
        return pair[2], pair[0], pair[1]

    out: dict[str, Any] = {}
    for name in ("nearest", "antipodal"):
        out[name] = min((p[name] for p in parts if p[name] is not None), key=rank, default=None)
    for name in ("equal", "opposite"):
        out[f"{name}_count"] = sum(p[f"{name}_count"] for p in parts)
        listed = sorted((pair for p in parts for pair in p[name]), key=rank)
        out[name] = [pair[:2] for pair in listed[:4096]]
    return out
