"""/v1/{shop}/channels: cameras and their keys."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from pydantic import BaseModel, Field

from shopfloor.accounts import Actor, Permission
from shopfloor.auth.api import allowed
from shopfloor.kernel.border import Id
from shopfloor.kernel.http import Db, refusals
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.media import service
from shopfloor.media.models import Channel, ChannelUnknown, Coverage, Status
from shopfloor.media.server import MediaServer
from shopfloor.media.service import BadChannelName

router = Router(prefix="/v1/{shop}/channels", tags=["media"])

Viewer = Annotated[Actor, Depends(allowed(Permission.SHOW_VIEW))]
Editor = Annotated[Actor, Depends(allowed(Permission.MEDIA_EDIT))]


class ChannelIn(BaseModel):
    name: str = Field(min_length=1, max_length=120)


class ChannelOut(BaseModel):
    """`key` is shown this once; `publish_to` is what OBS calls the server."""

    id: int
    name: str
    key: str
    publish_to: str


class RunOut(BaseModel):
    """One uninterrupted recording; hashes in hexadecimal.  `ended_at` null: it goes on."""

    id: UUID
    anchor: datetime
    ended_at: datetime | None
    end_cause: str | None
    codecs: str
    width: int
    height: int
    init_sha256: str
    chain: str


def _server(request: Request) -> MediaServer:
    return services_of(request).part(MediaServer)


def _out(request: Request, channel: Channel, key: str) -> ChannelOut:
    return ChannelOut(id=channel.id, name=channel.name, key=key, publish_to=services_of(request).publish_to())


@router.get("")
async def channels(actor: Viewer, db: Db) -> list[dict[str, Any]]:
    async with db.transaction() as tx:
        return [
            {"id": each.id, "name": each.name} for each in await service.channels(tx, shop_id=actor.shop_id)
        ]


@router.post("", status_code=201, responses=refusals(BadChannelName))
async def create(body: ChannelIn, request: Request, actor: Editor, db: Db) -> ChannelOut:
    async with db.transaction() as tx:
        channel, key = await service.create_channel(tx, shop_id=actor.shop_id, name=body.name)
    return _out(request, channel, key)


@router.post("/{channel_id}/key", responses=refusals(ChannelUnknown))
async def rotate(channel_id: Id, request: Request, actor: Editor, db: Db) -> ChannelOut:
    """A new key; the old one stops working."""
    async with db.transaction() as tx:
        channel, key = await service.rotate_key(tx, shop_id=actor.shop_id, channel_id=channel_id)
    return _out(request, channel, key)


@router.get("/{channel_id}/status", responses=refusals(ChannelUnknown))
async def status(channel_id: Id, request: Request, actor: Viewer, db: Db) -> Status:
    """What the camera sends just now."""
    async with db.transaction() as tx:
        await service.channel(tx, shop_id=actor.shop_id, channel_id=channel_id)
    return _server(request).status(channel_id)


@router.get("/{channel_id}/runs", responses=refusals(ChannelUnknown))
async def runs(channel_id: Id, actor: Viewer, db: Db) -> list[RunOut]:
    """What was recorded, run by run."""
    async with db.transaction() as tx:
        found = await service.runs(tx, shop_id=actor.shop_id, channel_id=channel_id)
    return [
        RunOut(
            id=run.id,
            anchor=run.anchor,
            ended_at=run.ended_at,
            end_cause=run.end_cause,
            codecs=run.codecs,
            width=run.width,
            height=run.height,
            init_sha256=run.init_sha256.hex(),
            chain=run.chain.hex(),
        )
        for run in found
    ]


@router.get("/{channel_id}/coverage", responses=refusals(ChannelUnknown))
async def coverage(channel_id: Id, actor: Viewer, db: Db) -> Coverage:
    """How much of what was published is recorded."""
    async with db.transaction() as tx:
        return await service.coverage(tx, shop_id=actor.shop_id, channel_id=channel_id)
