"""Odd arrays: tables that are read through NumPy's or DLPack's protocol, masked ones, ones with an odd entry."""

from __future__ import annotations

import numpy as np
from runs import X


class Frame:
    """A table that NumPy reads through __array__."""

    def __init__(self, array):
        self.array = array

    def __array__(self, dtype=None, copy=None):
        return self.array if dtype is None else self.array.astype(dtype)


class Tensor:
    """An array that is handed over by DLPack only."""

    def __init__(self, array, device=(1, 0)):
        self.array, self.device = array, device

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device


class Refuses(Tensor):
    def __dlpack__(self, **options):
        raise BufferError("not exported")


class RefusesButConverts(Refuses, Frame):
    pass


def put(value, i=2, j=1):
    A = X.copy()
    A[i, j] = value
    return A


def masked(A):
    return np.ma.array(A, mask=np.eye(*A.shape, dtype=bool))
