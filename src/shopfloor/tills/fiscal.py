"""The port to whatever signs sales where the law asks for it.

A signature that cannot be had never stops a till: the sale is kept without one and a task says so.
"""

from typing import Final, Protocol

from shopfloor.tills.models import Sale


class Outage(Exception):
    """Whatever signs did not answer in time."""


class Signer(Protocol):
    def sign(self, sale: Sale, *, series: str, hash: str) -> str | None:  # noqa: A002 -- of the fact
        """What goes on the receipt; None where nothing is to be signed.  Raises Outage."""
        ...


class NoSigner:
    """For countries that ask for no signature, and for those whose signer is not built: see docs/stores.md."""

    def sign(self, sale: Sale, *, series: str, hash: str) -> str | None:  # noqa: A002 -- of the fact
        return None


NO_SIGNER: Final[Signer] = NoSigner()
