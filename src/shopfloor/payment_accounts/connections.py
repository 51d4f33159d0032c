"""A shop's own accounts with providers: kept with sealed secrets, switched on and off, checked, and made into providers.

Secrets are opened for the adapter that signs with them and for nobody else.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import msgspec
from psycopg.types.json import Jsonb

from shopfloor.kernel import late, logs, secrets
from shopfloor.kernel.database import Database, Tx
from shopfloor.kernel.public_address import PublicAddress
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import now
from shopfloor.payment_accounts import inbox
from shopfloor.payment_accounts.models import ConnectionNotFound
from shopfloor.payment_providers import (
    Account,
    Checked,
    ConnectionRefused,
    Kind,
    Manual,
    Provider,
    ProviderAway,
    Providers,
)

if TYPE_CHECKING:
    import httpx
else:
    httpx = late.module("httpx")

LONGEST: Final = 10_000
_MANUAL: Final = Manual()

_log = logs.get("payments")


@dataclass(frozen=True, slots=True)
class Connection:
    """`works` None: never checked."""

    id: int
    shop_id: int
    provider: str
    mode: str
    label: str
    fields: dict[str, str]
    is_on: bool
    checked_at: datetime | None
    works: bool | None
    said: str
    version: int
    created_at: datetime
    silent_since: datetime | None = None
    """Money comes through it, and no message about it."""
    captures_later: bool = False
    """Buyers' money is reserved, and taken when their orders ship, where that is soon enough."""


@dataclass(frozen=True, slots=True)
class _Row(Connection):
    sealed: bytes = b""


def _about(shop_id: int, provider: str) -> str:
    return f"payments.connection {shop_id} {provider}"


class Connections:
    """The accounts of all shops as providers, for one process."""

    def __init__(
        self,
        db: Database,
        box: Callable[[], secrets.Box],
        kinds: Mapping[str, Kind],
        *,
        public: Callable[[], PublicAddress],
        http: "httpx.AsyncClient | None" = None,
    ) -> None:
        self.kinds = kinds
        self._box_of = box
        self._db = db
        self._public = public
        self._http = http
        self._made: dict[int, tuple[int, Provider]] = {}
        self.postbox = inbox.Postbox(db)

    async def close(self) -> None:
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def of(self, shop_id: int) -> Providers:
        """The providers of a shop: by hand, and every account that can be opened, switched on or not."""
        async with self._db.transaction() as tx:
            rows = await _rows(tx, shop_id=shop_id)
        found: dict[str, Provider] = {"manual": _MANUAL}
        for row in rows:
            provider = self._provider(row)
            if provider is not None:
                found[f"{row.provider}/{row.id}"] = provider
        return found

    def _provider(self, row: _Row) -> Provider | None:
        built = self._made.get(row.id)
        if built is None or built[0] != row.version:
            kind = self.kinds.get(row.provider)
            if kind is None:
                return None
            try:
                built = (row.version, kind.build(self._account(row)))
            except (secrets.CannotOpen, ValueError) as problem:
                _log.warning("payments.account_unusable", connection_id=row.id, problem=str(problem))
                return None
            self._made[row.id] = built
        return built[1]

    @cached_property
    def _box(self) -> secrets.Box:
        """Made when the first secret is kept or used."""
        return self._box_of()

    def _opened(self, row: _Row) -> dict[str, str]:
        """Raises secrets.CannotOpen."""
        about = _about(row.shop_id, row.provider)
        return msgspec.json.decode(self._box.open(row.sealed, about=about), type=dict[str, str])

    def _sealed(self, known: Mapping[str, str], *, shop_id: int, provider: str) -> bytes:
        return self._box.seal(msgspec.json.encode(dict(known)).decode(), about=_about(shop_id, provider))

    def _client(self) -> "httpx.AsyncClient":
        if self._http is None:
            self._http = httpx.AsyncClient(timeout=httpx.Timeout(15.0, connect=5.0), follow_redirects=False)
        return self._http

    def _account(self, row: _Row) -> Account:
        return Account(
            id=row.id,
            shop_id=row.shop_id,
            mode=row.mode,
            fields=row.fields,
            secrets=self._opened(row),
            notify_url=self._public().link(f"/payments/{row.provider}/{row.id}/notify"),
            http=self._client(),
        )

    async def one(self, *, provider: str, connection_id: int) -> tuple[Connection, Provider]:
        """For who knows the account and not the shop.  Raises ConnectionNotFound."""
        async with self._db.transaction() as tx:
            row = await _row_anywhere(tx, connection_id=connection_id)
        built = None if row is None or row.provider != provider else self._provider(row)
        if row is None or built is None:
            raise ConnectionNotFound
        return row, built

    async def check(self, *, shop_id: int, connection_id: int) -> Checked:
        """Ask the provider something harmless and keep what it said.  Raises ConnectionNotFound."""
        async with self._db.transaction() as tx:
            row = await _row(tx, shop_id=shop_id, connection_id=connection_id)
        provider = self._provider(row)
        try:
            checked = Checked(ok=False, said="secrets_lost") if provider is None else await provider.check()
        except ProviderAway:
            checked = Checked(ok=False, said="away")
        async with self._db.transaction() as tx:
            await _save_check(tx, row, checked)
        return checked

    async def save(
        self,
        tx: Tx,
        *,
        shop_id: int,
        provider: str,
        mode: str,
        values: Mapping[str, str],
        label: str = "",
        connection_id: int | None = None,
    ) -> int:
        """Connect an account, or change it; an empty secret stays as it is.

        Raises ConnectionRefused with `fields`: {field: what is wrong}, ConnectionNotFound.
        """
        kind = self.kinds.get(provider)
        if kind is None or mode not in kind.modes:
            raise ConnectionRefused(fields={"mode": "missing"})
        kept: Mapping[str, str] = {}
        if connection_id is not None:
            row = await _row(tx, shop_id=shop_id, connection_id=connection_id)
            if row.provider != provider:
                raise ConnectionNotFound
            try:
                kept = self._opened(row)
            except secrets.CannotOpen:
                kept = {}
        entered = {each.name: values.get(each.name, "").strip() for each in kind.fields}
        wrong = {name: "too_long" for name, value in entered.items() if len(value) > LONGEST}
        hidden = {
            each.name: entered[each.name] or kept.get(each.name, "") for each in kind.fields if each.secret
        }
        plain = {each.name: entered[each.name] for each in kind.fields if not each.secret}
        for name, generated in kind.makes().items():
            hidden[name] = kept.get(name) or generated
        wrong |= {
            each.name: "missing" for each in kind.fields if each.required and not (hidden | plain)[each.name]
        }
        if wrong:
            raise ConnectionRefused(fields=wrong)
        try:
            kind.build(Account(0, shop_id, mode, plain, hidden, "", self._client()))
        except ValueError as problem:
            raise ConnectionRefused(fields={str(problem): "not_usable"}) from problem
        return await _save(
            tx,
            connection_id=connection_id,
            shop_id=shop_id,
            provider=provider,
            mode=mode,
            label=label.strip()[:60],
            fields=plain,
            sealed=self._sealed(hidden, shop_id=shop_id, provider=provider),
        )

    async def seal_anew(self) -> int:
        """After a new key was put first: what older keys sealed is sealed with it.  Returns how many accounts."""
        async with self._db.transaction() as tx:
            rows = await _all_rows(tx)
            done = 0
            for row in rows:
                if self._box.is_current(row.sealed):
                    continue
                try:
                    known = self._opened(row)
                except secrets.CannotOpen:
                    continue
                await _save_sealed(tx, row, self._sealed(known, shop_id=row.shop_id, provider=row.provider))
                done += 1
        return done


async def connections_of(tx: Tx, *, shop_id: int) -> list[Connection]:
    return await tx.every(
        Connection,
        """
        SELECT id, shop_id, provider, mode, label, fields, is_on, checked_at, works, said, version, created_at,
               silent_since, captures_later
          FROM payments.connection WHERE shop_id = %(shop_id)s AND removed_at IS NULL ORDER BY id
        """,
        shop_id=shop_id,
    )


async def every_connection(tx: Tx) -> list[Connection]:
    """Those of all shops."""
    return await tx.every(
        Connection,
        """
        SELECT id, shop_id, provider, mode, label, fields, is_on, checked_at, works, said, version, created_at,
               silent_since, captures_later
          FROM payments.connection WHERE removed_at IS NULL ORDER BY id
        """,
    )


@dataclass(frozen=True, slots=True)
class Heard:
    """An account, and when its provider sent something last."""

    id: int
    shop_id: int
    provider: str
    silent_since: datetime | None
    last: datetime | None


async def lock_heard(tx: Tx) -> list[Heard]:
    """Accounts in use of all shops, and those that are silent; without those that another process looks at."""
    return await tx.every(
        Heard,
        """
        SELECT c.id, c.shop_id, c.provider, c.silent_since,
               (SELECT max(i.received_at) FROM payments.inbox i WHERE i.connection_id = c.id) AS last
          FROM payments.connection c
         WHERE c.removed_at IS NULL AND (c.is_on OR c.silent_since IS NOT NULL)
           FOR UPDATE OF c SKIP LOCKED
        """,
    )


async def set_silent(tx: Tx, *, connection_id: int, since: datetime | None) -> None:
    await tx.run(
        "UPDATE payments.connection SET silent_since = %(since)s WHERE id = %(id)s",
        since=since,
        id=connection_id,
    )


async def connection(tx: Tx, *, shop_id: int, connection_id: int) -> Connection:
    """Raises ConnectionNotFound."""
    for each in await connections_of(tx, shop_id=shop_id):
        if each.id == connection_id:
            return each
    raise ConnectionNotFound


async def switch(tx: Tx, *, shop_id: int, connection_id: int, on: bool) -> None:
    """Whether buyers may choose it; what was paid with it is looked up and given back either way."""
    await connection(tx, shop_id=shop_id, connection_id=connection_id)
    await tx.run(
        "UPDATE payments.connection SET is_on = %(on)s WHERE shop_id = %(shop_id)s AND id = %(id)s",
        on=on,
        shop_id=shop_id,
        id=connection_id,
    )


async def capture_later(tx: Tx, *, shop_id: int, connection_id: int, later: bool) -> None:
    """Whether its money is taken when an order ships, or when it is placed.  For orders from now on.

    Raises ConnectionNotFound.
    """
    await connection(tx, shop_id=shop_id, connection_id=connection_id)
    await tx.run(
        "UPDATE payments.connection SET captures_later = %(later)s WHERE shop_id = %(shop_id)s AND id = %(id)s",
        later=later,
        shop_id=shop_id,
        id=connection_id,
    )


async def remove(tx: Tx, *, shop_id: int, connection_id: int) -> None:
    """Forget its secrets.  What was paid with it can only be given back by hand from now on."""
    await connection(tx, shop_id=shop_id, connection_id=connection_id)
    await tx.run(
        """
        UPDATE payments.connection SET is_on = false, removed_at = %(at)s, sealed = ''::bytea, version = version + 1
         WHERE shop_id = %(shop_id)s AND id = %(id)s
        """,
        at=now(),
        shop_id=shop_id,
        id=connection_id,
    )


async def _rows(tx: Tx, *, shop_id: int) -> list[_Row]:
    return await tx.every(
        _Row,
        """
        SELECT id, shop_id, provider, mode, label, fields, is_on, checked_at, works, said, version, created_at,
               silent_since, captures_later, sealed
          FROM payments.connection WHERE shop_id = %(shop_id)s AND removed_at IS NULL ORDER BY id
        """,
        shop_id=shop_id,
    )


async def _all_rows(tx: Tx) -> list[_Row]:
    return await tx.every(
        _Row,
        """
        SELECT id, shop_id, provider, mode, label, fields, is_on, checked_at, works, said, version, created_at,
               silent_since, captures_later, sealed
          FROM payments.connection WHERE removed_at IS NULL ORDER BY id FOR UPDATE
        """,
    )


async def _row_anywhere(tx: Tx, *, connection_id: int) -> _Row | None:
    return await tx.first(
        _Row,
        """
        SELECT id, shop_id, provider, mode, label, fields, is_on, checked_at, works, said, version, created_at,
               silent_since, captures_later, sealed
          FROM payments.connection WHERE id = %(id)s AND removed_at IS NULL
        """,
        id=connection_id,
    )


async def _row(tx: Tx, *, shop_id: int, connection_id: int) -> _Row:
    row = await _row_anywhere(tx, connection_id=connection_id)
    if row is None or row.shop_id != shop_id:
        raise ConnectionNotFound
    return row


async def _save(
    tx: Tx,
    *,
    connection_id: int | None,
    shop_id: int,
    provider: str,
    mode: str,
    label: str,
    fields: dict[str, Any],
    sealed: bytes,
) -> int:
    if connection_id is None:
        saved_id: int = await tx.value(
            """
            INSERT INTO payments.connection (shop_id, provider, mode, label, fields, sealed)
            VALUES (%(shop_id)s, %(provider)s, %(mode)s, %(label)s, %(fields)s, %(sealed)s) RETURNING id
            """,
            shop_id=shop_id,
            provider=provider,
            mode=mode,
            label=label,
            fields=Jsonb(fields),
            sealed=sealed,
        )
        return saved_id
    await tx.run(
        """
        UPDATE payments.connection
           SET mode = %(mode)s, label = %(label)s, fields = %(fields)s, sealed = %(sealed)s, version = version + 1,
               works = NULL, checked_at = NULL, said = ''
         WHERE shop_id = %(shop_id)s AND id = %(id)s
        """,
        mode=mode,
        label=label,
        fields=Jsonb(fields),
        sealed=sealed,
        shop_id=shop_id,
        id=connection_id,
    )
    return connection_id


async def _save_check(tx: Tx, row: Connection, checked: Checked) -> None:
    await tx.run(
        """
        UPDATE payments.connection SET checked_at = %(at)s, works = %(works)s, said = %(said)s
         WHERE shop_id = %(shop_id)s AND id = %(id)s AND version = %(version)s
        """,
        at=now(),
        works=checked.ok,
        said=checked.said[:500],
        shop_id=row.shop_id,
        id=row.id,
        version=row.version,
    )


async def _save_sealed(tx: Tx, row: Connection, sealed: bytes) -> None:
    await tx.run(
        "UPDATE payments.connection SET sealed = %(sealed)s, version = version + 1 WHERE id = %(id)s",
        sealed=sealed,
        id=row.id,
    )
