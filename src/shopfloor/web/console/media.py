"""Cameras: their settings and keys, what they send just now, and what of it is kept."""

from datetime import timedelta
from operator import attrgetter
from typing import Annotated, Final
from uuid import UUID

from fastapi import Form
from starlette.responses import Response

from shopfloor import live, media
from shopfloor.accounts import Permission
from shopfloor.kernel import paging
from shopfloor.kernel.border import Id
from shopfloor.kernel.errors import Refusal
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router
from shopfloor.kernel.services import services_of
from shopfloor.web.console.desk import Desk, at, at_page
from shopfloor.web.console.offers import warnings
from shopfloor.web.languages import N_
from shopfloor.web.refusals import message_of

router = Router(prefix="/console/{shop}/media", include_in_schema=False)

Viewer = Annotated[Desk, at_page("media")]
Editor = Annotated[Desk, at(Permission.MEDIA_EDIT)]

RECORDINGS: Final = 12
_CAUSES: Final = {
    "finished": N_("ended by the camera"),
    "lost": N_("the connection was lost"),
    "changed": N_("the picture changed its format"),
    "replaced": N_("another camera took over"),
    "revoked": N_("the key was changed"),
    "stopped": N_("the server was shut down"),
    "crashed": N_("the server stopped; repaired at the next start"),
}


@dataclass(frozen=True, slots=True)
class Recording:
    """A run as it is kept.  `seconds` is None while it goes on; `missing` are milliseconds that are not on disk."""

    run: media.Run
    seconds: float | None
    recorded: float
    missing: int
    stalled: int
    cause: str
    shows: list[live.Show]

    @property
    def share(self) -> float:
        """How much of what was sent is recorded, 0 to 1."""
        if not self.seconds:
            return 1.0
        return max(0.0, 1.0 - self.missing / 1000 / self.seconds)


@dataclass(frozen=True, slots=True)
class Camera:
    channel: media.Channel
    status: media.Status
    warnings: list[str]
    recordings: list[Recording]
    page: paging.Page[media.Run]


@router.get("")
async def cameras(
    desk: Viewer,
    watch: UUID | None = None,
    camera: Id | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
) -> Response:
    """`after` and `before` turn the recordings of one `camera`."""
    secrets = await desk.revealed()
    key = (int(secrets["channel"]), secrets["key"]) if "key" in secrets else None
    return await _page(desk, watch=watch, key=key, turned=(camera, after, before))


async def _page(
    desk: Desk,
    *,
    watch: UUID | None = None,
    key: tuple[int, str] | None = None,
    turned: tuple[int | None, UUID | None, UUID | None] = (None, None, None),
    errors: dict[str, str] | None = None,
    values: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    """`key` is a channel and its stream key, shown once: we keep its hash."""
    shop_id = desk.shop.id
    server = services_of(desk.request).part(media.MediaServer)
    async with desk.work() as tx:
        shows = [show for show in await live.shows(tx, shop_id=shop_id) if show.channel_id is not None]
        listed: list[Camera] = []
        for channel in await media.channels(tx, shop_id=shop_id):
            _, after, before = turned if turned[0] == channel.id else (None, None, None)
            runs = await paging.numbered(
                media.latest_runs,
                tx,
                shop_id=shop_id,
                channel_id=channel.id,
                after=after,
                before=before,
                limit=RECORDINGS,
                key=attrgetter("id"),
            )
            recordings: list[Recording] = []
            for run in runs.items:
                segments = await media.segments(tx, shop_id=shop_id, run_id=run.id)
                gaps = await media.gaps(tx, shop_id=shop_id, run_id=run.id)
                recordings.append(
                    Recording(
                        run,
                        None if run.ended_at is None else (run.ended_at - run.anchor) / timedelta(seconds=1),
                        sum(segment.duration for segment in segments) / 90_000,
                        sum(gap.milliseconds for gap in gaps if gap.cause == media.GapCause.DISK),
                        sum(gap.milliseconds for gap in gaps if gap.cause == media.GapCause.STALL),
                        desk.say(_CAUSES[run.end_cause]) if run.end_cause in _CAUSES else "",
                        _shows_in(run, shows),
                    )
                )
            now = server.status(channel.id)
            listed.append(Camera(channel, now, warnings(desk, now), recordings, runs))
        watched = None if watch is None else await media.run(tx, shop_id=shop_id, run_id=watch)
    return desk.page(
        "media.html",
        active="media",
        cameras=listed,
        publish_to=services_of(desk.request).publish_to(),
        watched=watched,
        key=key,
        errors=errors or {},
        values=values or {},
        status=status,
    )


def _shows_in(run: media.Run, shows: list[live.Show]) -> list[live.Show]:
    """The shows that were on air while this was filmed, in order."""
    return [
        show
        for show in reversed(shows)
        if show.channel_id == run.channel_id
        and show.started_at is not None
        and (run.ended_at is None or run.ended_at > show.started_at)
        and (show.ended_at is None or run.anchor < show.ended_at)
    ]


@router.post("")
async def add(desk: Editor, name: Annotated[str, Form()] = "") -> Response:
    try:
        async with desk.work() as tx:
            channel, key = await media.create_channel(tx, shop_id=desk.shop.id, name=name)
    except Refusal as refusal:
        errors = {"name": message_of(refusal, desk.language)}
        return await _page(desk, errors=errors, values={"name": name}, status=refusal.status)
    return await desk.reveal("/media", {"channel": str(channel.id), "key": key})


@router.post("/{channel_id}/key")
async def rotate(desk: Editor, channel_id: Id) -> Response:
    """A new key; whoever sends with the old one is cut off."""
    with desk.back_if_refused("/media"):
        async with desk.work() as tx:
            _, key = await media.rotate_key(tx, shop_id=desk.shop.id, channel_id=channel_id)
    return await desk.reveal("/media", {"channel": str(channel_id), "key": key})
