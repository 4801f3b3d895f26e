"""Files that people give in place of data: packed ones, workbooks, models, web pages, told by their first bytes."""

from __future__ import annotations

import re
import shlex

from benchtui.errors import UsageError

_PACKED = {
    b"\x1f\x8b": ("gzip", "gunzip -k"),
    b"\x28\xb5\x2f\xfd": ("Zstandard", "unzstd"),
    b"\xfd7zXZ\x00": ("xz", "unxz -k"),
    b"\x04\x22\x4d\x18": ("LZ4", "unlz4 -k"),
    b"7z\xbc\xaf\x27\x1c": ("7-Zip", "7z x"),
    b"Rar!\x1a": ("RAR", "unrar x"),
}
_BZIP2 = re.compile(rb"BZh[1-9]1AY&SY")
_BINARY = {
    b"\xd0\xcf\x11\xe0": ("an Excel or Word file", "Save the sheet as CSV (UTF-8)."),
    b"SQLite format 3": ("an SQLite database", "Export the table as CSV."),
    b"\x89HDF": ("an HDF5 file", "Save its rows as JSONL or Parquet."),
    b"ORC": ("an ORC file", "Save it as Parquet."),
    b"Obj\x01": ("an Avro file", "Save it as Parquet or JSONL."),
    b"FEA1": ("a Feather file of version 1", "Save it as Parquet."),
    b"PARE": ("a Parquet file with an encrypted footer", "Save it without encryption."),
    b"\x93NUMPY": ("a NumPy array", "Save its rows as JSONL."),
    b"GGUF": ("a model (GGUF)", "Name a file with rows of data."),
    b"\x89PNG": ("an image", "Name a file with rows of data."),
    b"\xff\xd8\xff": ("an image", "Name a file with rows of data."),
}
"""Only where NUL bytes follow: ORC is also how the header ORCID,name begins."""
_TEXT = {
    b"%PDF-": ("a PDF", "Name a file with rows of data."),
    b"version https://git-lfs": ("a pointer of Git LFS, not the data", "Get the data with: git lfs pull"),
}
_PICKLES = tuple(b"\x80" + bytes([protocol]) for protocol in (2, 3, 4, 5))


def refuse_foreign(head: bytes, shown: str) -> None:
    """Raises UsageError where `head`, the file's first 512 bytes or more, says that it is of another kind; `shown` is
    its path for messages."""
    what, next_step = _known(head, shown)
    if what:
        raise UsageError(f"{shown} is {what}, which is not read.", next_step)


def _known(head: bytes, shown: str) -> tuple[str, str]:
    quoted = shlex.quote(shown)
    for magic, (name, command) in _PACKED.items():
        if head.startswith(magic):
            return f"packed with {name}", f"Unpack it: {command} {quoted}"
    if _BZIP2.match(head):
        return "packed with bzip2", f"Unpack it: bunzip2 -k {quoted}"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        if b"xl/" in head or b"[Content_Types].xml" in head:
            return "an Excel workbook", "Save the sheet as CSV (UTF-8)."
        return "packed with zip", f"Unpack it: unzip {quoted}"
    if head[257:262] == b"ustar":
        return "a tar archive", f"Unpack it: tar -xf {quoted}"
    for magic, told in {**_TEXT, **(_BINARY if b"\0" in head else {})}.items():
        if head.startswith(magic):
            return told
    if head.startswith(_PICKLES):
        return "a Python pickle, which can run code", "Save its rows as JSONL or Parquet."
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:200].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page", "Download the file itself (on a Hub page: the link with /resolve/, not /blob/)."
    return "", ""
