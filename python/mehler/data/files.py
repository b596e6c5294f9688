"""Points from files: .npy (memory-mapped), .npz, delimited text and IDX, as they stand.

No value is changed: dtype and order are the file's own. With ``rows`` only the first rows are read,
from compressed files too.
"""

from __future__ import annotations

import gzip
import itertools
import math
import operator
import os
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

_IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_IDX_NAME = re.compile(r"[-.]idx\d*([-.]\w+)?$")
_TEXT = (".csv", ".tsv", ".txt")
_KNOWN = (
    ".npy, .npz, .csv (.tsv, .txt) and IDX (as in 'train-images-idx3-ubyte'), the last two .gz too"
)
_BROKEN = (EOFError, gzip.BadGzipFile, zlib.error, zipfile.BadZipFile)
_CHUNK = 1 << 24


def load(path: str | os.PathLike[str], rows: int | None = None, key: str | None = None) -> Any:
    """Points, one a row, from a file; the kind of file is read from its name.

    Parameters
    ----------
    path
        .npy: memory-mapped, read-only. .npz: the single array in it, or ``key``, which may also
        be written behind the path, as in 'file.npz:key'. .csv, .tsv,
        .txt: cells separated by comma, semicolon, tab or blanks, with or without a header row,
        '#' starts a comment. IDX, all its types: images are flattened to (n, pixels). Text and
        IDX may be gzipped.
    rows
        The first ``rows`` only; the rest is not read.
    key
        Name of the array in an .npz file.

    Returns
    -------
    numpy.ndarray
        (n, d), dtype and values as they stand in the file; :func:`normalize` scales rows to unit norm.

    Raises
    ------
    TypeError
        path is no name of a file, rows no integer.
    FileNotFoundError, IsADirectoryError
        Nothing there to read.
    ValueError
        A file of an unknown kind, damaged, without the array ``key``, with cells that are no numbers, with
        the index that pandas writes under an empty header, or with fewer than ``rows`` rows.

    Warns
    -----
    UserWarning
        The first row, or the first column, of a text counts 0, 1, 2, ... beside numbers with a fraction:
        it is taken as it is, but may be column names or an index.

    Examples
    --------
    >>> np.save("points.npy", np.eye(4))
    >>> mh.load("points.npy", rows=2).shape
    (2, 4)
    >>> np.savetxt("points.csv", [[3.0, 4.0]], delimiter=",", header="x, y", comments="")
    >>> print(mh.load("points.csv"))
    [[3. 4.]]
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be the name of a file; got {path!r}.")
    file, key = _split(Path(path), key)
    if rows is not None:
        rows = _count(rows)
    if file.is_dir():
        raise IsADirectoryError(f"{file} is a directory; expected a file: {_KNOWN}.")
    if not file.exists():
        raise FileNotFoundError(f"{file} does not exist; give the path of a data file.")
    name = file.name.lower()
    plain = name.removesuffix(".gz")
    zipped = plain != name
    if key is not None and not name.endswith(".npz"):
        raise ValueError(
            f"key={key!r} is for .npz files; {file.name} holds one array: leave key out."
        )
    try:
        if name.endswith(".npy"):
            return _npy(file, rows)
        if name.endswith(".npz"):
            return _npz(file, rows, key)
        if plain.endswith(_TEXT):
            return read_text(lambda: _lines(file, zipped), file.name, rows)
        if _IDX_NAME.search(plain):
            return _idx(file, zipped, rows)
    except _BROKEN as broken:
        raise ValueError(
            f"{file.name} is damaged or cut short ({broken}); fetch it again."
        ) from None
    raise ValueError(f"{file.name} is of no kind that can be read; expected {_KNOWN}.")


def _split(file: Path, key: str | None) -> tuple[Path, str | None]:
    """(path, key) of 'file.npz:key'; a file that has such a name comes first."""
    name, colon, behind = file.name.rpartition(":")
    if not colon or not name.lower().endswith(".npz") or file.exists():
        return file, key
    if key is not None and key != behind:
        raise ValueError(
            f"{file.name} names the array {behind!r}, and key={key!r} another; give one."
        )
    return file.with_name(name), behind


def _count(rows: Any) -> int:
    try:
        count = operator.index(rows)
    except TypeError:
        raise TypeError(f"rows must be an integer or None; got {rows!r}.") from None
    if count < 1:
        raise ValueError(f"rows must be >= 1; got rows={count}.")
    return count


def _enough(rows: int | None, held: int, name: str) -> None:
    if rows is not None and rows > held:
        raise ValueError(f"rows={rows} asked for, but {name} holds {held}; ask for at most {held}.")


# -- NumPy's own files ---------------------------------------------------------------------------


def _npy(file: Path, rows: int | None) -> Any:
    try:
        array = np.load(file, mmap_mode="r", allow_pickle=False)
    except ValueError as problem:
        raise ValueError(
            f"{file.name} is not a complete .npy array of numbers: {problem}"
        ) from None
    return _first(array, rows, file.name)


def _first(array: Any, rows: int | None, name: str) -> Any:
    if array.ndim == 0:
        raise ValueError(f"{name} holds a single number; expected an array with one point a row.")
    _enough(rows, array.shape[0], name)
    return array if rows is None else array[:rows]


def _npz(file: Path, rows: int | None, key: str | None) -> Any:
    with zipfile.ZipFile(file) as archive:
        members = {m.removesuffix(".npy"): m for m in archive.namelist() if m.endswith(".npy")}
        names = ", ".join(sorted(members)) or "none"
        if key is None and len(members) != 1:
            raise ValueError(
                f"{file.name} holds {len(members)} arrays ({names}); name one of them "
                f"as in {file.name}:{min(members, default='key')}, or with key=."
            )
        if key is not None and key not in members:
            raise ValueError(f"{file.name} has no array {key!r}; it holds: {names}.")
        which = key if key is not None else next(iter(members))
        with archive.open(members[which]) as stream:
            return _npy_stream(stream, rows, f"{which!r} in {file.name}")


def _npy_stream(stream: IO[bytes], rows: int | None, name: str) -> Any:
    """The .npy format from a stream that cannot be mapped; first rows only where order allows."""
    try:
        version = np.lib.format.read_magic(stream)
        reader = {(1, 0): np.lib.format.read_array_header_1_0}.get(
            version, np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = reader(stream)
        if dtype.hasobject:
            raise ValueError("it holds Python objects")
        if not shape:
            return _first(np.empty(()), rows, name)
        _enough(rows, shape[0], name)
        if rows is not None and not fortran:
            shape = (rows, *shape[1:])
        size = math.prod(shape) * dtype.itemsize
        data = _exactly(stream, size)
    except ValueError as problem:
        if "rows=" in str(problem) or "single number" in str(problem):
            raise
        raise ValueError(f"{name} is not an array of numbers: {problem}.") from None
    if len(data) < size:
        raise ValueError(f"{name} is cut short: found {len(data)} bytes of {size}; fetch it again.")
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    return array if rows is None else array[:rows]


def _exactly(stream: Any, size: int) -> bytearray:
    """Up to ``size`` bytes, never asking for more memory than the stream has bytes to fill."""
    data = bytearray()
    while len(data) < size:
        piece = stream.read(min(_CHUNK, size - len(data)))
        if not piece:
            break
        data += piece
    return data


# -- IDX -----------------------------------------------------------------------------------------


def _idx(file: Path, zipped: bool, rows: int | None) -> Any:
    """Bytes 0 0 type ndim, ndim sizes (big-endian uint32), then the values, big-endian, C order."""
    with gzip.open(file, "rb") if zipped else open(file, "rb") as stream:
        magic = stream.read(4)
        if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _IDX_TYPES or magic[3] == 0:
            types = ", ".join(f"{t:02x}" for t in _IDX_TYPES)
            raise ValueError(
                f"{file.name} is not an IDX file: it starts with {magic.hex(' ')!r}; expected "
                f"'00 00 type ndim' with a type of {types}."
            )
        dtype, ndim = np.dtype(_IDX_TYPES[magic[2]]), magic[3]
        header = stream.read(4 * ndim)
        if len(header) < 4 * ndim:
            raise ValueError(f"{file.name} ends within its IDX header; fetch it again.")
        shape = tuple(int(s) for s in np.frombuffer(header, ">u4"))
        _enough(rows, shape[0], file.name)
        if rows is not None:
            shape = (rows, *shape[1:])
        size = math.prod(shape) * dtype.itemsize
        data = _exactly(stream, size)
        if len(data) < size:
            raise ValueError(
                f"{file.name} is cut short: its header promises {size} bytes of values "
                f"{shape}, found {len(data)}; fetch it again."
            )
        if rows is None and stream.read(1):
            raise ValueError(
                f"{file.name} holds more than the {size} bytes of values {shape} that its header "
                "promises; the header or the file is wrong."
            )
    values = np.frombuffer(data, dtype).astype(dtype.newbyteorder("="), copy=False)
    return values if ndim == 1 else values.reshape(shape[0], math.prod(shape[1:]))


# -- delimited text ------------------------------------------------------------------------------


def _lines(file: Path, zipped: bool) -> Iterator[str]:
    opener: Any = gzip.open if zipped else open
    with opener(file, "rt", encoding="utf-8-sig") as stream:
        try:
            yield from stream
        except UnicodeDecodeError as problem:
            raise ValueError(f"{file.name} is not UTF-8 text ({problem.reason}).") from None


def read_text(lines: Callable[[], Iterable[str]], name: str, rows: int | None = None) -> Any:
    """A table of numbers from text.

    Parameters
    ----------
    lines
        Gives the lines afresh on every call.
    name
        What messages call the text.
    rows
        The first ``rows`` rows only.
    """
    first = next(_filled(lines()), None)
    if first is None:
        raise ValueError(f"{name} holds no row; expected one point a line.")
    number, line = first
    delimiter = next((c for c in ";\t," if c in line), None)
    cells = _cells(line, delimiter)
    header = not any(_is_number(c.replace(",", ".")) for c in cells)  # '1,5;2,5' is no header
    if not cells[0] and len(cells) > 1:
        raise ValueError(
            f"{name}, line {number}: the first cell is empty, as where pandas has written its index, which is no "
            "coordinate; write the table with to_csv(..., index=False)."
        )
    start = number if header else number - 1
    body = itertools.islice(_filled(itertools.islice(lines(), start, None), start), rows)
    top = next(body, None)
    if top is None:
        raise ValueError(f"{name} holds a header but no row; expected one point a line.")
    try:
        table = np.loadtxt(
            (text for _, text in itertools.chain([top], body)),
            delimiter=delimiter,
            ndmin=2,
            quotechar='"',
            comments=None,
        )
    except ValueError:
        _explain(lines(), start, delimiter, len(cells), name)
        raise
    if table.shape[1] != len(cells):
        _explain(lines(), start, delimiter, len(cells), name)
    _enough(rows, table.shape[0], name)
    _doubt(table, [] if header else cells, name)
    return table


def _doubt(table: Any, first: list[str], name: str) -> None:
    """A warning where a row or a column counts 0, 1, 2, ... beside numbers with a fraction: names or an index, perhaps."""
    n, d = table.shape
    if d < 2 or n < 3:
        return
    whole = table == np.floor(table)
    if first == [str(i) for i in range(d)] and not whole[1:].any():
        what, remedy = "row", "leave the names out, as to_csv(..., header=False) does"
    elif np.array_equal(table[:, 0], np.arange(n)) and not whole[1:, 1:].any():
        what, remedy = "column", "leave it out, as to_csv(..., index=False) does"
    else:
        return
    where = "a point" if what == "row" else "a coordinate of every point"
    warnings.warn(
        f"The first {what} of {name} counts 0, 1, 2, ..., and is taken as {where}. If it is no such thing, {remedy}.",
        UserWarning,
        stacklevel=4,
    )


def _filled(lines: Iterable[str], before: int = 0) -> Iterator[tuple[int, str]]:
    """(line number from 1, text) of every line that is not blank or a comment."""
    for number, line in enumerate(lines, before + 1):
        text = line.partition("#")[0].rstrip("\r\n")
        if text.strip():
            yield number, text


def _cells(line: str, delimiter: str | None) -> list[str]:
    return [c.strip().strip('"').strip() for c in line.split(delimiter)]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _explain(
    lines: Iterable[str], start: int, delimiter: str | None, columns: int, name: str
) -> None:
    """Raise the message that names row and column of the first bad cell, if there is one."""
    for number, line in _filled(itertools.islice(lines, start, None), start):
        cells = _cells(line, delimiter)
        for column, cell in enumerate(cells, 1):
            if not _is_number(cell):
                found = f"{cell!r} is not a number" if cell else "the cell is empty"
                raise ValueError(
                    f"{name}, line {number}, column {column}: {found}; every cell below the header "
                    "must be one, with a decimal point."
                )
        if len(cells) != columns:
            raise ValueError(
                f"{name}, line {number}: found {len(cells)} columns, expected {columns} as in the "
                "first row."
            )
