"""Kernel matrices in the memory of many processes, on Dask: :class:`Dask`, a value of ``storage=``.

``arguments`` checks what is given, ``placement`` says who holds what and what a product costs, ``worker`` is what runs over
there, ``rounds`` asks all of them at once by the scheduler, ``direct`` asks for products straight at the ``door`` of each, in
the format of ``wire``, ``tiles`` keeps the tiles placed whatever happens to workers, ``operator`` is the Gram operator of it.
"""

from .cluster import Dask

__all__ = ["Dask"]
