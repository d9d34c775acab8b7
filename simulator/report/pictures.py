"""Pictures of items: many small grey images in one PNG, as a `data:` address inside a page."""

import base64
import struct
import zlib
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

#: Grey images, `uint8[k, height, width]`. 0 is the background, 255 is full ink.
Images: TypeAlias = npt.NDArray[np.uint8]

#: The colour type of a PNG with grey values and opacity.
GREY_WITH_ALPHA = 4


def sheet(images: Images, columns: int, rows: int, gap: int = 1) -> npt.NDArray[np.uint8]:
    """Return one picture that shows many images in a grid: `uint8[k, h, w] → uint8[H, W]`.

    It shows the first `columns × rows` images, row by row. `gap` is the number of pixels between two images. Pixels
    without an image are 0.
    """
    _, height, width = images.shape
    picture = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap), dtype=np.uint8)
    for index, image in enumerate(images[: columns * rows]):
        y, x = (index // columns) * (height + gap), (index % columns) * (width + gap)
        picture[y : y + height, x : x + width] = image
    return picture


def png(ink: npt.NDArray[np.uint8]) -> bytes:
    """Return a PNG file with black pixels whose opacity is `ink[H, W]` (uint8).

    So a style sheet can invert the picture on dark pages. Format: PNG (ISO/IEC 15948), colour type 4, 8 bits, no
    filter.
    """
    height, width = ink.shape
    pixels = np.zeros((height, 1 + 2 * width), dtype=np.uint8)  # each row begins with a byte 0: no filter
    pixels[:, 2::2] = ink
    header = struct.pack(">IIBBBBB", width, height, 8, GREY_WITH_ALPHA, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(pixels.tobytes(), 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def data_address(image: bytes) -> str:
    """Return the `data:` address of a PNG file, which contains the complete picture."""
    return "data:image/png;base64," + base64.b64encode(image).decode("ascii")
