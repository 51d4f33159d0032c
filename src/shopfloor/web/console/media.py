"""Cameras: their settings and keys, what they send just now, where else it goes, and what of it is kept."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import Form
from starlette.responses import Response

from shopfloor import live, media
from shopfloor.accounts import Permission
from shopfloor.kernel import paging, secrets
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

Text = Annotated[str, Form(max_length=1_000)]
Secret = Annotated[str, Form(max_length=1_000)]

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
class Elsewhere:
    """Another platform, how it is with it in words, and the link that leads its viewers to the room."""

    destination: media.Destination
    kind: str
    state: str
    why: str
    link: str


@dataclass(frozen=True, slots=True)
class Camera:
    channel: media.Channel
    status: media.Status
    warnings: list[str]
    recordings: list[Recording]
    page: paging.Page[media.Run]
    destinations: list[Elsewhere]


# The kind of a badge and its words, by state; then what to do, by reason.
_STATES: Final = {
    "idle": ("", N_("Starts with the show")),
    "connecting": ("wait", N_("Connecting")),
    "live": ("good", N_("Live")),
    "waiting": ("bad", N_("Not connected")),
}
_WHY: Final = {
    "away": N_("The platform doesn't answer. We keep trying; check the address if this stays."),
    "refused": N_("The platform turned the stream away. Check the stream key, and that your broadcast is open there."),
    "address": N_("This address leads to no public server. Copy it from the platform again."),
    "key": N_("The stream key can't be read any longer. Enter it again."),
}  # fmt: skip
# Where the field of a form is named by the refusal.
_FIELDS: Final = {
    "media.bad_destination": "url",
    "media.bad_destination_key": "key",
    "media.bad_destination_name": "name",
    "media.too_many_destinations": "name",
}
# What merchants enter most.
PLATFORMS: Final = (
    "rtmp://a.rtmp.youtube.com/live2",
    "rtmps://live-api-s.facebook.com:443/rtmp",
    "rtmp://live.twitch.tv/app",
    "rtmp://live-push.bilivideo.com/live-bvc",
)


@router.get("")
async def cameras(
    desk: Viewer,
    watch: UUID | None = None,
    camera: Id | None = None,
    after: UUID | None = None,
    before: UUID | None = None,
) -> Response:
    """`after` and `before` turn the recordings of one `camera`."""
    shown = await desk.revealed()
    key = (int(shown["channel"]), shown["key"]) if "key" in shown else None
    return await _page(desk, watch=watch, key=key, turned=(camera, after, before))


async def _page(
    desk: Desk,
    *,
    watch: UUID | None = None,
    key: tuple[int, str] | None = None,
    turned: tuple[int | None, UUID | None, UUID | None] = (None, None, None),
    errors: dict[str, str] | None = None,
    values: dict[str, str] | None = None,
    at_camera: int | None = None,
    status: int = 200,
) -> Response:
    """`errors` are of the form of camera `at_camera`, or of that for a new one.  `key` is a channel and its stream key, shown once: we keep its hash."""
    shop_id = desk.shop.id
    server = services_of(desk.request).part(media.MediaServer)
    async with desk.work() as tx:
        every = await live.shows(tx, shop_id=shop_id)
        shows = [show for show in every if show.channel_id is not None]
        elsewhere = await media.destinations.destinations(tx, shop_id=shop_id)
        next_show = _next(every)
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
            its = [_elsewhere(desk, each, next_show) for each in elsewhere if each.channel_id == channel.id]
            listed.append(Camera(channel, now, warnings(desk, now), recordings, runs, its))
        watched = None if watch is None else await media.run(tx, shop_id=shop_id, run_id=watch)
    return desk.page(
        "media.html",
        active="media",
        cameras=listed,
        publish_to=services_of(desk.request).publish_to(),
        watched=watched,
        key=key,
        platforms=PLATFORMS,
        most_destinations=media.destinations.MOST,
        at_camera=at_camera,
        errors=errors or {},
        values=values or {},
        status=status,
    )


def _next(shows: Sequence[live.Show]) -> live.Show | None:
    """The show on air, else the one that begins first."""
    coming = [show for show in shows if show.status is not live.ShowStatus.ENDED]
    unknown = datetime.max.replace(tzinfo=UTC)
    return min(
        coming,
        key=lambda show: (show.status is not live.ShowStatus.LIVE, show.starts_at or unknown, show.id),
        default=None,
    )


def _elsewhere(desk: Desk, each: media.Destination, show: live.Show | None) -> Elsewhere:
    kind, words = _STATES[each.state] if each.is_on else ("", N_("Off"))
    room = "" if show is None else f"/live/{show.id}#from={each.code}"
    return Elsewhere(
        each,
        kind,
        desk.say(words),
        desk.say(_WHY[each.why]) if each.is_on and each.why in _WHY else "",
        services_of(desk.request).public.link(f"/s/{desk.shop.slug}{room}"),
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


@router.post("/{channel_id}/destinations")
async def add_destination(
    desk: Editor, channel_id: Id, name: Text = "", url: Text = "", key: Secret = ""
) -> Response:
    try:
        async with desk.work() as tx:
            await media.destinations.add(
                tx, shop_id=desk.shop.id, channel_id=channel_id, name=name, url=url, key=key, box=_box(desk)
            )
    except Refusal as refusal:
        if refusal.code not in _FIELDS:
            raise
        errors = {_FIELDS[refusal.code]: message_of(refusal, desk.language)}
        values = {"name": name, "url": url}
        return await _page(desk, errors=errors, values=values, at_camera=channel_id, status=refusal.status)
    return desk.back(
        f"/media#platforms-{channel_id}", desk.say(N_("Added. While a show runs, the stream goes there too."))
    )


@router.post("/destinations/{destination_id}/key")
async def change_destination_key(desk: Editor, destination_id: Id, key: Secret = "") -> Response:
    """Used at once, also while a show runs."""
    with desk.back_if_refused("/media"):
        async with desk.work() as tx:
            await media.destinations.set_key(
                tx, shop_id=desk.shop.id, destination_id=destination_id, key=key, box=_box(desk)
            )
    return desk.back("/media", desk.say(N_("Stream key changed.")))


@router.post("/destinations/{destination_id}/switch")
async def switch_destination(
    desk: Editor, destination_id: Id, on: Annotated[Literal["on", "off"], Form()]
) -> Response:
    with desk.back_if_refused("/media"):
        async with desk.work() as tx:
            await media.destinations.switch(
                tx, shop_id=desk.shop.id, destination_id=destination_id, is_on=on == "on"
            )
    return desk.back("/media", desk.say(N_("Switched on.") if on == "on" else N_("Switched off.")))


@router.post("/destinations/{destination_id}/remove")
async def remove_destination(desk: Editor, destination_id: Id) -> Response:
    with desk.back_if_refused("/media"):
        async with desk.work() as tx:
            await media.destinations.remove(tx, shop_id=desk.shop.id, destination_id=destination_id)
    return desk.back("/media", desk.say(N_("Removed, with its stream key.")))


def _box(desk: Desk) -> secrets.Box:
    return secrets.box(services_of(desk.request).given)
