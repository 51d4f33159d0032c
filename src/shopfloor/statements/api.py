"""/v1/{shop}/statements, /log and /witness: open to everybody, without a session.

What the list says of a statement is that it is there; its figures are for whoever has its link.
"""

from datetime import datetime
from functools import partial
from operator import attrgetter
from time import monotonic
from typing import Annotated, Any, Final

from fastapi import Query, Request
from pydantic import BaseModel, Field
from starlette.responses import PlainTextResponse, Response

from shopfloor import accounts
from shopfloor.accounts import UnknownShop
from shopfloor.kernel import paging, secrets
from shopfloor.kernel.border import LARGEST_ID, Id
from shopfloor.kernel.database import Tx
from shopfloor.kernel.errors import TooMany
from shopfloor.kernel.http import Db, client_address, refusals, with_links
from shopfloor.kernel.rate_limit import Gcra
from shopfloor.kernel.route_access import public
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.statements import log, notes, queries, service, witnessing
from shopfloor.statements.models import Log, NoLog, NotInLog, UnknownStatement

router = Router(prefix="/v1/{shop}", tags=["statements"])

# Of one address: who follows a log asks for a handful of proofs a minute.
_ASKED: Final = Gcra(every=0.2, burst=100)
_SHOWN: Final = Gcra(every=1.0, burst=60)
_CACHED: Final = {"cache-control": "public, max-age=30", "access-control-allow-origin": "*"}

Number = Annotated[int, Field(ge=0, le=LARGEST_ID)]


class TooManyQuestions(TooMany):
    """Too many questions to the log from here. Try again in a moment."""

    code = "statements.too_many_questions"


class ListedOut(BaseModel):
    """A statement, without its figures.  `cosigned` names the witnesses that signed a checkpoint which has it."""

    number: int
    show_id: int
    version: int
    position: int
    state: str
    made_at: datetime
    checkpoint: int | None
    cosigned: list[str]


class KeysOut(BaseModel):
    """The name of the log, and each key as it was logged."""

    log: str
    keys: list[dict[str, Any]]


class ProofOut(BaseModel):
    """Hashes in Base64, from the leaf up."""

    size: int
    hashes: list[str]


async def _log(tx: Tx, request: Request, shop: str) -> Log:
    """The log of the shop.  Raises UnknownShop, NoLog, TooManyQuestions."""
    return await log.log_of(tx, shop_id=await _shop(tx, request, shop))


async def _shop(tx: Tx, request: Request, slug: str) -> int:
    """The shop's id.  Raises UnknownShop, TooManyQuestions."""
    wait = _ASKED.wait(client_address(request), monotonic())
    if wait:
        raise TooManyQuestions(again_in=int(wait) + 1)
    return (await accounts.shop_by_slug(tx, slug)).id


@router.get("/statements", responses=refusals(UnknownShop, TooManyQuestions))
@public
async def listing(
    request: Request,
    response: Response,
    shop: str,
    db: Db,
    after: Id | None = None,
    before: Id | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> list[ListedOut]:
    """Newest first.  The header `Link` leads to the next page, which starts `after` a number."""
    async with db.transaction() as tx:
        shop_id = await _shop(tx, request, shop)
        rows = await paging.page(
            partial(queries.statements, tx, shop_id=shop_id),
            after=after,
            before=before,
            limit=limit,
            key=attrgetter("number"),
        )
    response.headers.update(_CACHED)
    return [
        ListedOut.model_validate(row, from_attributes=True) for row in with_links(request, response, rows)
    ]


@router.get("/statements/{number}", responses=refusals(UnknownShop, UnknownStatement, TooManyQuestions))
@public
async def one(
    request: Request,
    shop: str,
    number: Number,
    db: Db,
    access: Annotated[str, Query(max_length=100, description="From the link of the statement.")] = "",
) -> Response:
    """The statement file: statement, signature, inclusion proof, checkpoint, cosignatures, keys."""
    async with db.transaction() as tx:
        shop_id = await _shop(tx, request, shop)
        listed = await service.shared(tx, shop_id=shop_id, number=number, access=access)
        data = await service.file_of(tx, listed, shop_id=shop_id)
    return as_file(data, shop, number)


def as_file(data: bytes, shop: str, number: int) -> Response:
    return Response(
        data,
        media_type="application/json",
        headers={
            **_CACHED,
            "cache-control": "private, max-age=30",
            "content-disposition": f'attachment; filename="{shop}-statement-{number}.json"',
        },
    )


@router.get(
    "/log/checkpoint",
    response_class=PlainTextResponse,
    responses=refusals(UnknownShop, NoLog, TooManyQuestions),
)
@public
async def checkpoint(request: Request, shop: str, db: Db) -> Response:
    """The newest signed checkpoint (C2SP tlog-checkpoint), with the lines of the witnesses that signed it."""
    async with db.transaction() as tx:
        found = await _log(tx, request, shop)
        newest = await queries.newest_checkpoint(tx, shop_id=found.shop_id)
    if newest is None:
        raise NoLog
    return PlainTextResponse(newest.text, headers=_CACHED)


@router.get("/log/inclusion", responses=refusals(UnknownShop, NoLog, NotInLog, TooManyQuestions))
@public
async def inclusion(
    request: Request, response: Response, shop: str, position: Number, size: Number, db: Db
) -> ProofOut:
    """The proof that the entry at `position` is in the log of `size` entries (RFC 9162, 2.1.3)."""
    async with db.transaction() as tx:
        found = await _log(tx, request, shop)
        hashes = await log.inclusion_proof(tx, found, position=position, size=size)
    response.headers.update(_CACHED)
    return ProofOut(size=size, hashes=[notes.b64(each) for each in hashes])


@router.get("/log/consistency", responses=refusals(UnknownShop, NoLog, NotInLog, TooManyQuestions))
@public
async def consistency(
    request: Request, response: Response, shop: str, old: Number, new: Number, db: Db
) -> ProofOut:
    """The proof that the log of `old` entries is the beginning of that of `new` (RFC 9162, 2.1.4)."""
    async with db.transaction() as tx:
        found = await _log(tx, request, shop)
        hashes = await log.consistency_proof(tx, found, old=old, new=new)
    response.headers.update(_CACHED)
    return ProofOut(size=new, hashes=[notes.b64(each) for each in hashes])


@router.get("/log/keys", responses=refusals(UnknownShop, NoLog, TooManyQuestions))
@public
async def keys(request: Request, response: Response, shop: str, db: Db) -> KeysOut:
    """All keys of the shop, each signed by itself and by the one before it, in order."""
    async with db.transaction() as tx:
        found = await _log(tx, request, shop)
        chain = await log.key_chain(tx, shop_id=found.shop_id, until=found.size)
    response.headers.update(_CACHED)
    return KeysOut(log=found.origin, keys=chain)


@router.get(
    "/witness/key",
    response_class=PlainTextResponse,
    responses=refusals(UnknownShop, witnessing.UnknownWitness, TooManyQuestions),
)
@public
async def witness_key(request: Request, shop: str, db: Db) -> Response:
    """The key this shop signs with as a witness of others (C2SP: a vkey)."""
    _count(request)
    async with db.transaction() as tx:
        found = await accounts.shop_by_slug(tx, shop)
        key = await witnessing.own_key(tx, shop_id=found.id)
    if key is None:
        raise witnessing.UnknownWitness
    return PlainTextResponse(f"{key}\n", headers=_CACHED)


@router.post(
    "/witness/add-checkpoint",
    response_class=PlainTextResponse,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
    responses=refusals(
        UnknownShop,
        witnessing.NotWellFormed,
        witnessing.UnknownLog,
        witnessing.NotSigned,
        witnessing.SeenOtherwise,
        witnessing.NotConsistent,
        TooManyQuestions,
    ),
)
@public
async def add_checkpoint(request: Request, shop: str, db: Db) -> Response:
    """C2SP tlog-witness: what another log shows, with a proof from what was seen last; answered by a cosignature."""
    _count(request)
    body = await request.body()
    if len(body) > witnessing.MOST_BYTES:
        raise witnessing.NotWellFormed
    try:
        async with db.transaction() as tx:
            found = await accounts.shop_by_slug(tx, shop)
            line = await witnessing.add_checkpoint(
                tx, box=secrets.box(services_of(request).given), shop_id=found.id, body=body
            )
    except witnessing.SeenOtherwise as refusal:
        return Response(f"{refusal.facts['size']}\n", 409, {"content-type": "text/x.tlog.size"})
    return PlainTextResponse(line)


def _count(request: Request) -> None:
    wait = _SHOWN.wait(client_address(request), monotonic())
    if wait:
        raise TooManyQuestions(again_in=int(wait) + 1)
