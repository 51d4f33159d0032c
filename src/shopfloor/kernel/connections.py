"""How many connections the server keeps, and whose: one count over HTTP, events, waits, sockets and cameras.

The total stays below the file limit, with a reserve for the database and the recorder.  Addresses may hold as many
as they like while there is room; above 70 % of the total, the address with most gives up its newest first.
"""

import resource
from collections import defaultdict
from collections.abc import Callable
from typing import Final, Protocol

from shopfloor.kernel.client_address import Network, address_group, is_trusted
from shopfloor.kernel.records import dataclass

RESERVE: Final = 256
MOST: Final = 60_000
SHARED_ABOVE: Final = 0.7
# Below this an address is never asked to give up anything: a browser and its tabs.
FAIR: Final = 16


class Connection(Protocol):
    def abort(self) -> None: ...

    @property
    def is_gone(self) -> bool:
        """Whether it is closed already, so that it counts no longer."""
        ...


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one; return what holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST + RESERVE if hard == resource.RLIM_INFINITY else min(hard, MOST + RESERVE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            return soft
        return wanted
    return wanted


def room_for(file_limit: int) -> int:
    """How many connections fit below a file limit."""
    return max(16, min(MOST, file_limit - min(RESERVE, file_limit // 3)))


@dataclass(slots=True)
class Figures:
    refused: int = 0
    given_up: int = 0


class Connections:
    """`enter` and `left` once each.  A trusted proxy's own connections are not counted as one address."""

    def __init__(self, total: int, *, proxies: tuple[Network, ...] = ()) -> None:
        self.total = total
        self.figures = Figures()
        self._proxies = proxies
        self._group_of: dict[Connection, str] = {}
        self._of_group: dict[str, dict[Connection, None]] = {}
        self._by_size: defaultdict[int, dict[str, None]] = defaultdict(dict[str, None])
        self._largest = 0

    def __len__(self) -> int:
        return len(self._group_of)

    def of(self, address: str) -> int:
        return len(self._of_group.get(self._group(address), ()))

    def enter(self, connection: Connection, address: str) -> bool:
        """Whether there is room for it; perhaps another one goes instead."""
        group = self._group(address)
        while len(self) >= int(self.total * SHARED_ABOVE):
            if self._largest <= self._fair():
                if len(self) < self.total:
                    break
                self.figures.refused += 1
                return False
            if len(self._of_group.get(group, ())) >= self._largest:
                self.figures.refused += 1
                return False
            greediest = next(iter(self._by_size[self._largest]))
            newest = next(reversed(self._of_group[greediest]))
            self.left(newest)
            self.figures.given_up += 1
            newest.abort()
        self._add(connection, group)
        return True

    def left(self, connection: Connection) -> None:
        """Also for one that never entered or has left before."""
        group = self._group_of.pop(connection, None)
        if group is None:
            return
        members = self._of_group[group]
        size = len(members)
        del members[connection]
        self._resize(group, size, size - 1)
        if not members:
            del self._of_group[group]

    def move(self, connection: Connection, address: str) -> None:
        """A trusted proxy has said whose connection it is."""
        group = self._group(address)
        before = self._group_of.get(connection)
        if before is not None and before != group:
            self.left(connection)
            self._add(connection, group)

    def replace(self, before: Connection, after: Connection) -> None:
        """The same connection speaks another protocol now."""
        group = self._group_of.get(before)
        if group is not None:
            self.left(before)
            self._add(after, group)

    def sweep(self) -> None:
        for connection in [each for each in self._group_of if each.is_gone]:
            self.left(connection)

    def __iter__(self):  # noqa: ANN204 -- an iterator over a copy: connections leave meanwhile
        return iter(list(self._group_of))

    def _fair(self) -> int:
        return max(
            FAIR,
            int(self.total * SHARED_ABOVE) // max(1, len(self._of_group)) if len(self._of_group) > 1 else 0,
        )

    def _group(self, address: str) -> str:
        return "" if is_trusted(address, self._proxies) else address_group(address)

    def _add(self, connection: Connection, group: str) -> None:
        members = self._of_group.setdefault(group, {})
        members[connection] = None
        self._group_of[connection] = group
        self._resize(group, len(members) - 1, len(members))

    def _resize(self, group: str, before: int, after: int) -> None:
        if not group:
            return
        self._by_size[before].pop(group, None)
        if not self._by_size[before]:
            del self._by_size[before]
        if after:
            self._by_size[after][group] = None
        self._largest = max(self._largest, after)
        while self._largest and self._largest not in self._by_size:
            self._largest -= 1


@dataclass(eq=False, slots=True)
class _Callback:
    give_up: Callable[[], None]
    is_gone: bool = False

    def abort(self) -> None:
        self.give_up()


class CallbackCount:
    """The same count for a server whose connections are known by a function that closes them."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def enter(self, address: str, give_up: Callable[[], None]) -> Callable[[], None] | None:
        """What tells that it has gone, or None where there is no room."""
        each = _Callback(give_up)
        if not self._connections.enter(each, address):
            return None
        return lambda: self._connections.left(each)
