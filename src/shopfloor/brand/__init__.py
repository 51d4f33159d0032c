"""The face of a shop: logo, cover, accent, slogan, contact, licences, and the texts it writes about itself.

Promise: an accent is only used where text on it and in it keeps a contrast of 4.5:1; elsewhere a darker or lighter one
takes its place, and `adjusted` says which.
"""

from shopfloor.brand import accents
from shopfloor.brand.service import (
    LARGE_BODIES,
    TEXTS,
    Which,
    add_licence,
    remove_licence,
    set_contact,
    set_look,
    set_picture,
    set_texts,
    texts,
)

__all__ = [
    "LARGE_BODIES",
    "TEXTS",
    "Which",
    "accents",
    "add_licence",
    "remove_licence",
    "set_contact",
    "set_look",
    "set_picture",
    "set_texts",
    "texts",
]
