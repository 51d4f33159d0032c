"""Who has a key, for endpoints."""

from fastapi import Request

from shopfloor import access_keys
from shopfloor.access_keys.models import Key, UnknownKey
from shopfloor.kernel.http import Db
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.route_access import Decision, decides


@decides(Decision.KEY)
@dataclass(frozen=True, slots=True)
class _Keyed:
    purpose: str

    async def __call__(self, request: Request, db: Db) -> Key:
        token = request.path_params.get("key") or request.query_params.get("key")
        if token is None:
            raise UnknownKey
        async with db.transaction() as tx:
            return await access_keys.read_key(tx, token=token, purpose=self.purpose)


def keyed(purpose: str) -> _Keyed:
    """For `Depends`: the Key behind `{key}` in the path, or `?key=`.  Refuses with UnknownKey (404)."""
    return _Keyed(purpose)
