"""The public random value that nobody here can choose: a round of drand, the beacon of the League of Entropy.

Each round has one BLS signature by many organisations together (scheme `bls-unchained-g1-rfc9380`: signature on G1, key
on G2, message SHA-256 of the round as eight bytes).  Nobody knows it before its time, and everybody can check it
afterwards.  Its randomness is the SHA-256 of the signature.
"""

import asyncio
import hashlib
import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from shopfloor.kernel import late
from shopfloor.kernel.client_address import Network
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.settings import Settings

if TYPE_CHECKING:
    from shopfloor.kernel import outbound
else:
    # A process that draws nothing does without a client.
    outbound = late.module("shopfloor.kernel.outbound")
# It has no types.
pyblst: Final[Any] = late.module("pyblst")

_DST: Final = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
# The generator of G2, compressed (RFC 9380, section 8.8.2, names the curve).
_G2: Final = bytes.fromhex(
    "93e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e"
    "024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"
)
_ORDER: Final = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
_MOST_BYTES: Final = 4096
_SECONDS: Final = 5.0


class BeaconAway(Exception):
    """The value is not there yet, or cannot be fetched; in words."""


class WrongValue(Exception):
    """It is not the value of this round."""


@dataclass(frozen=True, slots=True)
class Chain:
    """`genesis`: seconds since 1970 of round 1; `period`: seconds between rounds."""

    name: str
    hash: str
    public_key: str
    genesis: int
    period: int

    def round_after(self, moment: datetime) -> int:
        """The first round at or after `moment`."""
        seconds = math.ceil(moment.timestamp()) - self.genesis
        return max(1, math.ceil(seconds / self.period) + 1)

    def moment_of(self, number: int) -> datetime:
        return datetime.fromtimestamp(self.genesis + (number - 1) * self.period, UTC)


QUICKNET: Final = Chain(
    "drand quicknet",
    "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
    "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
    1_692_803_367,
    3,
)
# Of demonstrations without a network.  Its key is no secret: everybody can compute its rounds beforehand.
LOCAL_KEY: Final = int.from_bytes(hashlib.sha256(b"shopfloor local beacon").digest()) % _ORDER
LOCAL: Final = Chain(
    "local beacon, for demonstrations only",
    hashlib.sha256(b"shopfloor local beacon").hexdigest(),
    "b72275fbe3a044afc68b9e358c538f1e8c054e08eb8f858b81586b7ef6c79488a2ee694e95eb173d7e4a5c28ac7c373711cf5331d86f0b340bd3ec7b3f7e00822de4ab8307672d758d493573e52a2332e6d811d0881b86eaa4561c9d4383062a",
    1_700_000_000,
    1,
)


class Beacon(Protocol):
    @property
    def chain(self) -> Chain: ...

    async def signature(self, number: int) -> bytes:
        """Of this round, checked.  Raises BeaconAway."""
        ...

    async def close(self) -> None: ...


def randomness(signature: bytes) -> bytes:
    return hashlib.sha256(signature).digest()


def check(public_key: str, number: int, signature: bytes) -> None:
    """That whoever has the key of the chain signed this round.  Raises WrongValue."""
    try:
        signed = pyblst.BlstP1Element().uncompress(signature)
        key = pyblst.BlstP2Element().uncompress(bytes.fromhex(public_key))
    except ValueError as problem:
        raise WrongValue from problem
    left = pyblst.miller_loop(signed, pyblst.BlstP2Element().uncompress(_G2))
    if not pyblst.final_verify(left, pyblst.miller_loop(message_of(number), key)):
        raise WrongValue


def message_of(number: int) -> Any:
    return pyblst.BlstP1Element.hash_to_group(hashlib.sha256(number.to_bytes(8)).digest(), _DST)


class Drand:
    """Asked of all relays at once by the guarded client, so that a slow one costs no time; the first value that holds is
    taken: what a relay says is checked, not believed.
    """

    def __init__(
        self, relays: Sequence[str], *, chain: Chain = QUICKNET, allowed: Sequence[Network] = ()
    ) -> None:
        self.chain: Final = chain
        self._relays = tuple(each.rstrip("/") for each in relays)
        self._allowed = allowed
        # A process that draws nothing reads no authorities.
        self._outbound: outbound.Outbound | None = None

    async def signature(self, number: int) -> bytes:
        if self._outbound is None:
            self._outbound = outbound.Outbound(allowed=self._allowed)
        asked = [asyncio.ensure_future(self._of_relay(relay, number)) for relay in self._relays]
        problem = "no relay is named in the settings"
        try:
            for answer in asyncio.as_completed(asked):
                try:
                    return await answer
                except BeaconAway as away:
                    problem = str(away)
        finally:
            for each in asked:
                each.cancel()
        raise BeaconAway(problem)

    async def _of_relay(self, relay: str, number: int) -> bytes:
        assert self._outbound is not None, "made by who asks"
        address = f"{relay}/{self.chain.hash}/public/{number}"
        try:
            found = await self._outbound.get(
                address, most_bytes=_MOST_BYTES, types=("application/json",), seconds=_SECONDS
            )
            value = json.loads(found.data)
            signature = bytes.fromhex(value["signature"])
            if value["round"] != number:
                raise WrongValue
            check(self.chain.public_key, number, signature)
        except Refusal as refusal:
            raise BeaconAway(f"{relay}: {refusal.code}") from refusal
        except (WrongValue, ValueError, KeyError, TypeError, AttributeError) as wrong:
            raise BeaconAway(f"{relay}: not the value of this round") from wrong
        return signature

    async def close(self) -> None:
        if self._outbound is not None:
            await self._outbound.close()


class LocalBeacon:
    """Computes its rounds itself: a demonstration, whose draws say so."""

    def __init__(self) -> None:
        self.chain: Final = LOCAL

    async def signature(self, number: int) -> bytes:
        return bytes(message_of(number).scalar_mul(LOCAL_KEY).compress())

    async def close(self) -> None:
        """There is nothing to close."""


def of_settings(settings: Settings) -> Beacon:
    relays = settings.drand_relays.split()
    return LocalBeacon() if relays == ["local"] else Drand(relays, allowed=settings.fetchable)


def chain_of(settings: Settings) -> Chain:
    return LOCAL if settings.drand_relays.split() == ["local"] else QUICKNET
