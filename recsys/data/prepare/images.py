"""Picture files as arrays of pixels."""

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from recsys.data.prepare.writing import ArrayFile
from recsys.errors import InputError

# Pictures that are decoded before they are written.
BLOCK = 1024


@dataclass(frozen=True)
class ImageReader:
    """Reads picture files, all to one size.

    Attributes:
        folder: where relative paths begin.
        size: pixels a side; other sizes and shapes are scaled to it.
        channels: 1 (grey) or 3 (red, green, blue).
    """

    folder: Path
    size: int
    channels: int

    def read(self, path: str) -> np.ndarray:
        """A picture, uint8 [size, size, channels], 1 (black) to 255.

        It is turned as the camera was held; what is transparent is white.

        Raises:
            Exception: the file is missing or is not a picture; of what class depends on
                its format.
        """
        mode = "L" if self.channels == 1 else "RGB"
        with Image.open(self.folder / path) as opened:
            # Only as much of a large JPEG is decoded as is needed.
            opened.draft(mode, (2 * self.size, 2 * self.size))
            picture = _eight_bits(ImageOps.exif_transpose(opened))
        if picture.has_transparency_data:
            picture = picture.convert("RGBA")
            picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
        picture = picture.convert(mode).resize((self.size, self.size), Image.Resampling.BILINEAR)
        pixels = np.asarray(picture, dtype=np.uint8)
        # Zeros everywhere stand for no picture.
        return np.maximum(pixels, 1).reshape(self.size, self.size, self.channels)

    def read_or_error(self, path: str) -> np.ndarray | str:
        """What :meth:`read` returns, or what it found wrong."""
        try:
            return self.read(path)
        except Exception as error:  # Each format has its own (OSError, SyntaxError, struct.error).
            return f"{path!r} ({getattr(error, 'strerror', None) or error})"


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Grey of 16 bits by its upper 8: Pillow would clip all above 255 to white."""
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.mode in ("I", "F"):
        raise ValueError("32 bits a pixel, without a known range")
    return picture


def write_images(paths: Sequence[str | None], reader: ImageReader, file: Path) -> list[str]:
    """Writes the pictures of all users or items, zeros where there is none.

    Args:
        paths: one per row; None: no picture.
        reader: reads them.
        file: the ``.npy``, uint8 [rows, size, size, channels].

    Returns:
        What was wrong with each picture that cannot be read.
    """
    shape = (reader.size, reader.size, reader.channels)
    missing = np.zeros(shape, dtype=np.uint8)
    wrong = []
    with ArrayFile(file, np.uint8, len(paths), shape) as out, ThreadPoolExecutor() as pool:
        for begin in range(0, len(paths), BLOCK):
            block = paths[begin : begin + BLOCK]
            there = [path for path in block if path is not None]
            pictures = pool.map(reader.read_or_error, there)
            for path in block:
                picture = missing if path is None else next(pictures)
                if isinstance(picture, str):
                    wrong.append(picture)
                    picture = missing
                out.write(picture)
    return wrong


def local(folder: Path | None) -> Path:
    """Where relative paths of pictures begin.

    Raises:
        InputError: the table that holds them is remote.
    """
    if folder is None:
        raise InputError(
            "a table with pictures must be a local file, as their paths are: copy it beside them"
        )
    return folder


def content_mark(folder: Path, paths: Iterable[str]) -> str:
    """Changes when one of the files changes, appears or vanishes.

    Files are read whole, as those of tables are: about a second per gigabyte.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            with open(folder / path, "rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        except (OSError, ValueError):  # ValueError: no path at all
            digest.update(b"missing")
    return digest.hexdigest()
