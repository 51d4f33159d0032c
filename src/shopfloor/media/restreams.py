"""Which destinations a server passes its channels on to: as shows run, and as merchants switch them."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from shopfloor.kernel import late
from shopfloor.kernel.client_address import Network
from shopfloor.kernel.database import Database, DatabaseAway
from shopfloor.kernel.secrets import Box
from shopfloor.media import destination_queries
from shopfloor.media.flv import is_parameters
from shopfloor.media.models import Destination, DestinationState
from shopfloor.media.restream import Sender
from shopfloor.media.rtmp_client import Publication, target_of
from shopfloor.media.write_behind import WriteBehind

if TYPE_CHECKING:
    from shopfloor.kernel import outbound
else:
    outbound = late.module("shopfloor.kernel.outbound")

# Where platforms take RTMP; other ports are where databases, mail and consoles listen.
PORTS: Final = frozenset({80, 443, 1935, 1936, 2935, 8080})


class Restreams:
    """`box` opens the keys of the destinations (without it none is passed to), `allowed` networks may be private."""

    def __init__(self, db: Database, rows: WriteBehind, box: Box | None, allowed: Sequence[Network]) -> None:
        self._db = db
        self._rows = rows
        self._box = box
        self._allowed = allowed
        self._senders: dict[int, dict[int, Sender]] = {}
        # By channel, parameters of picture and sound as its publisher sent them last: for who joins later.
        self._parameters: dict[int, dict[int, bytes]] = {}

    def put(self, channel_id: int, kind: int, timestamp: int, payload: bytes) -> None:
        """Never waits.  `timestamp` in ms modulo 2³²; `payload` as `flv` says."""
        if is_parameters(kind, payload):
            self._parameters_of(channel_id)[kind] = payload
        for sender in self._senders.get(channel_id, {}).values():
            sender.put(kind, timestamp, payload)

    def begin_again(self, channel_id: int) -> None:
        """Another publisher: nothing of the one before holds."""
        self._parameters_of(channel_id).clear()
        for sender in self._senders.get(channel_id, {}).values():
            sender.begin_again()

    async def follow(self, on_air: Sequence[int]) -> None:
        """Pass on what these channels send, and no others.  Where the database is away, go on as before."""
        wanted: dict[int, Destination] = {}
        if on_air and self._box is not None:
            try:
                async with self._db.transaction() as tx:
                    found = await destination_queries.in_use(tx, channel_ids=on_air)
            except DatabaseAway:
                return
            wanted = {each.id: each for each in found}
        for senders in list(self._senders.values()):
            for number, sender in list(senders.items()):
                now = wanted.get(number)
                if now is None or now.version != sender.destination.version:
                    del senders[number]
                    await sender.stop()
        for each in wanted.values():
            senders = self._senders.setdefault(each.channel_id, {})
            if each.id not in senders:
                parameters = self._parameters_of(each.channel_id)
                senders[each.id] = Sender(each, parameters, self._connect, self._tell)

    async def stop(self) -> None:
        for senders in self._senders.values():
            for sender in senders.values():
                await sender.stop()
        self._senders.clear()

    def _parameters_of(self, channel_id: int) -> dict[int, bytes]:
        return self._parameters.setdefault(channel_id, {})

    async def _connect(self, destination: Destination) -> Publication:
        assert self._box is not None, "nothing is passed on without"
        target = target_of(destination.url)
        key = self._box.open(destination.sealed_key, about=destination.about)
        addresses = await outbound.permitted(target.host, target.port, ports=PORTS, allowed=self._allowed)
        return await Publication.open(target, key, addresses)

    def _tell(self, destination: Destination, state: DestinationState, why: str, dropped: int) -> None:
        self._rows.put(
            partial(
                destination_queries.set_state,
                destination_id=destination.id,
                state=str(state),
                why=why,
                dropped=dropped,
            )
        )
