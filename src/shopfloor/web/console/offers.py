"""What a show offers and in which order, as its pages and the studio show it, and what is missing before it goes on air."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from shopfloor import catalog, live, media, run_of_show, stock
from shopfloor.kernel.database import Tx
from shopfloor.kernel.records import dataclass
from shopfloor.web.console.desk import Desk
from shopfloor.web.languages import N_
from shopfloor.web.parts import option_words

# What the video server says of a camera, in words.
WARNINGS: Final = {
    "gop_long": N_(
        "Key frames are too far apart, so viewers wait for video. Set the key-frame interval to 1 s."
    ),
    "no_audio": N_("No audio."),
    "no_video": N_("Audio but no video."),
    "picture_format": N_(
        "Most browsers cannot show this picture format. In OBS, set the color format to NV12 (Settings → Advanced) "
        "and the encoder profile to main or high."
    ),
    "late": N_("Video arrives late: the upload is slow or unstable."),
    "recording_stopped": N_("Not recording: check the disk."),
    "rows_waiting": N_("Video records are waiting for the database."),
}


@dataclass(frozen=True, slots=True)
class OfferRow:
    """An offer as people who run a show see it."""

    offer: run_of_show.Offer
    product: catalog.Product
    variants: Mapping[int, catalog.Variant]
    lefts: Mapping[int, stock.Availability]

    @property
    def left(self) -> stock.Availability:
        return sum(self.lefts.values(), stock.Availability())

    @property
    def prices(self) -> tuple[int, int]:
        minors = [line.price_minor for line in self.offer.lines]
        return min(minors), max(minors)

    @property
    def quota(self) -> int | None:
        """Units set apart; None when none are."""
        quotas = [line.quota for line in self.offer.lines if line.quota is not None]
        return sum(quotas) if quotas else None

    @property
    def is_active(self) -> bool:
        """Viewers see and buy nothing else."""
        return self.product.status == catalog.Status.ACTIVE and not all(
            variant.is_archived for variant in self.variants.values()
        )

    def words(self, variant_id: int) -> str:
        return option_words(self.variants[variant_id].options)


@dataclass(frozen=True, slots=True)
class SlotRow:
    """A slot of the run of show; `begins` from the planned start, when there is one."""

    slot: run_of_show.Slot
    offer: OfferRow | None
    begins: datetime | None


@dataclass(frozen=True, slots=True)
class ReadinessCheck:
    """One thing to look at before going on air.  `kind`: good, wait (works, but look) or bad (must be mended)."""

    kind: str
    words: str
    link: str = ""


async def set_offer_prices(
    tx: Tx, desk: Desk, offer: run_of_show.Offer, prices: Mapping[int, int], *, reason: str
) -> None:
    """Set prices by variant.  Raises Question where one moves far, before anything is kept."""
    variants = await catalog.variants(tx, shop_id=desk.shop.id, ids=list(prices))
    leaps = desk.leaps()
    for variant in variants:
        await leaps.set(
            variant.id,
            variant_label(desk, variant),
            partial(
                run_of_show.set_offer_price,
                tx,
                shop_id=desk.shop.id,
                show_id=offer.show_id,
                offer_id=offer.id,
                variant_id=variant.id,
                price_minor=prices[variant.id],
                reason=reason,
                by=desk.actor.person_id,
            ),
        )
    desk.ask(leaps)


def variant_label(desk: Desk, variant: catalog.Variant) -> str:
    return option_words(variant.options) or desk.say(N_("One option"))


async def offer_rows(tx: Tx, show: live.Show) -> dict[int, OfferRow]:
    """The offers of a show by id, in the order of its run, with what visitors can buy of them."""
    offers = await run_of_show.offers(tx, shop_id=show.shop_id, show_id=show.id)
    ids = sorted({line.variant_id for offer in offers for line in offer.lines})
    variants = {variant.id: variant for variant in await catalog.variants(tx, shop_id=show.shop_id, ids=ids)}
    products = await catalog.products_by_id(
        tx, shop_id=show.shop_id, ids=[offer.product_id for offer in offers]
    )
    pool_id = show.pool_id if show.status == live.ShowStatus.LIVE else None
    found = await stock.available(tx, shop_id=show.shop_id, variant_ids=ids, pool_id=pool_id)
    if show.status != live.ShowStatus.ENDED:
        # What was sold is history; before and during a show only what can be sold counts.
        sold = {variant.id for variant in variants.values() if not variant.is_archived}
        offers = [
            replace(each, lines=tuple(line for line in each.lines if line.variant_id in sold) or each.lines)
            for each in offers
        ]
    return {
        offer.id: OfferRow(
            offer,
            products[offer.product_id],
            {line.variant_id: variants[line.variant_id] for line in offer.lines},
            {line.variant_id: found[line.variant_id] for line in offer.lines},
        )
        for offer in offers
    }


def timed_slots(
    slots: Sequence[run_of_show.Slot], rows: Mapping[int, OfferRow], starts: datetime | None
) -> tuple[list[SlotRow], int]:
    """The slots with the time each begins by plan, and how many minutes all take."""
    run: list[SlotRow] = []
    minutes = 0
    for slot in slots:
        begins = None if starts is None else starts + timedelta(minutes=minutes)
        run.append(SlotRow(slot, rows.get(slot.offer_id) if slot.offer_id else None, begins))
        minutes += slot.minutes
    return run, minutes


def checklist(
    desk: Desk, show: live.Show, rows: Mapping[int, OfferRow], camera: media.Status | None
) -> list[ReadinessCheck]:
    """What stands and what is missing before the show goes on air."""
    say, address = desk.say, desk.address
    checks: list[ReadinessCheck] = []
    if camera is None:
        checks.append(
            ReadinessCheck("wait", say(N_("No camera selected: viewers would see no video.")), "#details")
        )
    elif not camera.live:
        words = N_("No video yet. Use this device’s camera in the studio, or start streaming in OBS.")
        checks.append(ReadinessCheck("wait", say(words), f"{address}/shows/{show.id}/studio#own-camera"))
    else:
        checks.append(ReadinessCheck("good", say(N_("The camera is sending."))))
        checks += [ReadinessCheck("wait", words, f"{address}/media") for words in warnings(desk, camera)]
    if not rows:
        checks.append(ReadinessCheck("bad", say(N_("No products yet. Add one.")), "#add"))
        return checks
    checks.append(ReadinessCheck("good", say(N_("%(n)s products."), n=len(rows))))
    hidden = [row for row in rows.values() if not row.is_active]
    if hidden:
        names = ", ".join(_name(desk, row) for row in hidden[:3]) + (" …" if len(hidden) > 3 else "")
        words = say(N_("Not published, so viewers won't see it: %(names)s"), names=names)
        kind = "bad" if len(hidden) == len(rows) else "wait"
        checks.append(ReadinessCheck(kind, words, f"{address}/products/{hidden[0].product.id}"))
    empty = [row for row in rows.values() if not row.left.total]
    if empty:
        names = ", ".join(_name(desk, row) for row in empty[:3]) + (" …" if len(empty) > 3 else "")
        words = say(N_("Sold out: %(names)s"), names=names)
        checks.append(ReadinessCheck("wait", words, f"{address}/stock"))
    short = [row for row in rows.values() if any(_is_short(row, line) for line in row.offer.lines)]
    if short and show.status == live.ShowStatus.PLANNED:
        names = ", ".join(_name(desk, row) for row in short[:3]) + (" …" if len(short) > 3 else "")
        words = say(N_("Reserved for the show beyond stock: %(names)s"), names=names)
        checks.append(ReadinessCheck("wait", words, f"{address}/stock"))
    unset = [row for row in rows.values() if row.quota is None and row.left.now]
    if unset:
        names = ", ".join(_name(desk, row) for row in unset[:3]) + (" …" if len(unset) > 3 else "")
        words = say(N_("No units reserved for this show: %(names)s"), names=names)
        checks.append(ReadinessCheck("wait", words, f"#offer-{unset[0].offer.id}"))
    if not empty and not short and not unset:
        checks.append(ReadinessCheck("good", say(N_("Everything is in stock."))))
    return checks


def warnings(desk: Desk, camera: media.Status) -> list[str]:
    """What is not as it should be with a camera, in words."""
    return [desk.say(WARNINGS[code]) if code in WARNINGS else code for code in camera.warnings]


def _is_short(row: OfferRow, line: run_of_show.OfferLine) -> bool:
    return line.quota is not None and line.quota > row.lefts[line.variant_id].now


def _name(desk: Desk, row: OfferRow) -> str:
    return desk.language.localised(row.product.titles, row.product.title)
