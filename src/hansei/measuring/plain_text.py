"""Plain text files, packed or not, as lines; what is wrong with one is said with its line."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

from hansei.core.errors import BadInput


def read_bytes(path: Path) -> bytes:
    """The file's content, unpacked where its name ends in .gz. Raises BadInput where there is none."""
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix.lower() == ".gz" else data
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file: check the path") from None
    except IsADirectoryError:
        raise BadInput(f"{path}: a file was expected, this is a folder: name a file in it") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(f"{path}: gzip was expected, found something else ({error}): pack it anew") from error
    except OSError as error:
        raise BadInput(f"{path}: can't be read ({error.strerror}): check the file and its rights") from error


def decode(data: bytes, where: str) -> list[str]:
    """The lines of UTF-8 text (with or without byte order mark), without line ends. Raises BadInput at other bytes."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadInput(
            f"{where}, line {line}: UTF-8 was expected, found the byte 0x{data[error.start]:02x}: "
            "convert the file (such as iconv -f latin1 -t utf-8)"
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise BadInput(f"{where}, line {line}: text was expected, found a NUL byte: is it another format?")
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if lines[-1] == "" else lines


def read_lines(path: str | Path) -> list[str]:
    """The lines of a UTF-8 text file, `.gz` too. Raises BadInput where it can't be read, or has no text."""
    lines = decode(read_bytes(Path(path)), str(path))
    if not any(line.strip() for line in lines):
        raise BadInput(f"{path}: the file is empty: one line of text at least was expected")
    return lines
