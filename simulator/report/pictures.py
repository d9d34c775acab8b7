"""Pictures of items: many small grey images in one PNG, as a `data:` address that a page can contain."""

import base64
import struct
import zlib
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

#: Grey images, `uint8[k, height, width]`; 0 is paper, 255 is ink.
Images: TypeAlias = npt.NDArray[np.uint8]

GREY_WITH_ALPHA = 4


def sheet(images: Images, columns: int, rows: int, gap: int = 1) -> npt.NDArray[np.uint8]:
    """Return the first `columns × rows` images as one picture, row by row: `uint8[k, h, w] → uint8[H, W]`.

    Positions without an image stay 0.
    """
    _, height, width = images.shape
    picture = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap), dtype=np.uint8)
    for index, image in enumerate(images[: columns * rows]):
        y, x = (index // columns) * (height + gap), (index % columns) * (width + gap)
        picture[y : y + height, x : x + width] = image
    return picture


def png(ink: npt.NDArray[np.uint8]) -> bytes:
    """Return a black PNG whose opacity is `uint8[H, W]`: one picture for light and dark pages.

    PNG (ISO/IEC 15948), colour type 4, 8 bits, no filter.
    """
    height, width = ink.shape
    pixels = np.zeros((height, 1 + 2 * width), dtype=np.uint8)  # each row begins with its filter, 0
    pixels[:, 2::2] = ink
    header = struct.pack(">IIBBBBB", width, height, 8, GREY_WITH_ALPHA, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(pixels.tobytes(), 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def data_address(image: bytes) -> str:
    """Return the `data:` address of a PNG."""
    return "data:image/png;base64," + base64.b64encode(image).decode("ascii")
