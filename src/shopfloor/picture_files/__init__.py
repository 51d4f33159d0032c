"""Files of pictures: received, decoded and encoded anew, stored under their hash, served.

Whose picture a file is, its owner keeps: products in `catalog`, a shop's logo in `brand`, goods that came back in
`returns`.  The files of a picture are written before any row names them, and never change.
"""

from shopfloor.picture_files.endpoint import PictureFiles
from shopfloor.picture_files.processing import (
    MAX_PICTURE_BYTES,
    PICTURE_SIZES,
    NotAPicture,
    PictureTooLarge,
    ProcessedPicture,
    picture_path,
    process_picture,
    processed,
    store_picture,
)
from shopfloor.picture_files.receiving import receive_picture

__all__ = [
    "MAX_PICTURE_BYTES",
    "PICTURE_SIZES",
    "NotAPicture",
    "PictureFiles",
    "PictureTooLarge",
    "ProcessedPicture",
    "picture_path",
    "process_picture",
    "processed",
    "receive_picture",
    "store_picture",
]
