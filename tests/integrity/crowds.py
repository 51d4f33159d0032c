"""Shows with honest buyers, with innocent crowds and with attackers, as the press and courts describe them.

Nothing here knows how anything is detected.  An attack is written from what its makers want (orders on the screen that
cost them little) and from what they have (accounts, phones, cards, addresses).  Every show says which of its orders are
not real.  The descriptions: four accounts that placed 586 of 599 orders and had nearly all of them closed or refunded;
two accounts with a hundred orders each, cancelled the same night; 20,000 phones under one control; studios that order,
confirm and send the money back ("return rings"); a host who orders through staff.
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from shopfloor.integrity.columns import REFERENCES, Audience, Orders

HOUR = 3600.0
DAY = 24 * HOUR
Rng = np.random.Generator


@dataclass(frozen=True, slots=True)
class Show:
    orders: Orders
    fake: Any
    """Which orders are not real."""


class _Ids:
    """References that nobody else in the show has."""

    def __init__(self) -> None:
        self.next = 1

    def many(self, count: int) -> Any:
        self.next += count
        return np.arange(self.next - count, self.next)


def _blank(count: int, **given: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {
        "placed": np.zeros(count), "paid": np.full(count, np.nan), "undone": np.full(count, np.nan),
        "amount": np.zeros(count, int), "units": np.ones(count, int),
        "staff": np.zeros(count, bool), "handed": np.full(count, np.nan), "watched": np.full(count, np.nan),
        "product": np.zeros(count, int),
    } | {name: np.full(count, -1) for name in REFERENCES}  # fmt: skip
    return columns | given


def _joined(parts: list[dict[str, Any]], fakes: list[Any], rng: Rng, length: float) -> Show:
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    fake = np.concatenate(fakes)
    turn = np.argsort(whole["placed"], kind="stable")
    whole = {name: column[turn] for name, column in whole.items()}
    product = whole.pop("product")
    # What an order's number says nothing about.
    names = {each.name for each in fields(Orders)}
    whole = {name: column for name, column in whole.items() if name in names}
    orders = Orders(
        **whole, line_order=np.arange(len(product)), line_product=product, ended=length, as_of=np.inf
    )
    return Show(orders, fake[turn])


def _people(rng: Rng, ids: _Ids, people: int, **kept: Any) -> dict[str, Any]:
    """What each of so many strangers has: some share a home, many a network, some have no mail."""
    home = rng.integers(0, max(1, int(people * 0.93)), people)
    networks = ids.many(max(1, people // 3))
    first = ids.many(people)
    owned = {
        "account": ids.many(people), "device": first, "address": ids.many(people)[home],
        "network": networks[np.minimum(rng.zipf(1.6, people), len(networks)) - 1],
        "payer": ids.many(people), "phone": ids.many(people),
        "mail": np.where(rng.random(people) < 0.6, ids.many(people), -1),
    }  # fmt: skip
    # Some pay with a partner's card, from a partner's home.
    shared = rng.random(people) < 0.03
    owned["payer"] = np.where(shared, np.roll(owned["payer"], 1), owned["payer"])
    return owned | kept


def _moments(rng: Rng, count: int, length: float) -> Any:
    """Orders of a show come in waves, after each pitch."""
    pitches = np.sort(rng.uniform(0, length * 0.95, 12))
    at = rng.choice(pitches, count) + rng.lognormal(3.4, 1.0, count)
    return np.where(at < length, at, rng.uniform(0, length, count))


def _outcomes(rng: Rng, count: int, *, unpaid: float, regretted: float, returned: float) -> tuple[Any, Any]:
    paid = np.where(rng.random(count) < unpaid, np.nan, rng.lognormal(4.0, 1.0, count))
    undone = np.full(count, np.nan)
    drawn = rng.random(count)
    undone = np.where(np.isnan(paid), rng.uniform(0.5, 2, count) * HOUR, undone)
    soon = ~np.isnan(paid) & (drawn < regretted)
    undone = np.where(soon, rng.exponential(3 * HOUR, count) + 60, undone)
    later = ~np.isnan(paid) & ~soon & (drawn < regretted + returned)
    return paid, np.where(later, rng.uniform(4, 14, count) * DAY, undone)


def honest(
    rng: Rng,
    ids: _Ids,
    orders: int,
    *,
    length: float = 3 * HOUR,
    products: int = 40,
    unpaid: float = 0.06,
    regretted: float = 0.05,
    returned: float = 0.25,
    at: Any = None,
    hero: float = 0.0,
) -> dict[str, Any]:
    """Real people: most buy once, a few several times; what comes back comes back for reasons."""
    people = max(1, int(orders / 1.25))
    owned = _people(rng, ids, people)
    who = np.concatenate([np.arange(people), rng.integers(0, people, orders - people)])
    paid, undone = _outcomes(rng, orders, unpaid=unpaid, regretted=regretted, returned=returned)
    # Who cancels, cancels all of an evening.
    undo_all = rng.random(people) < 0.3
    first = undone[:people]
    same = undo_all[who] & ~np.isnan(first[who])
    undone = np.where(same, first[who] + rng.uniform(0, 300, orders), undone)
    rank = np.minimum(rng.zipf(1.5, orders), products) - 1
    placed = _moments(rng, orders, length) if at is None else at
    return _blank(
        orders, placed=placed, paid=paid, undone=undone, amount=rng.integers(3_000, 40_000, orders),
        units=1 + (rng.random(orders) < 0.12), product=np.where(rng.random(orders) < hero, 0, rank),
        watched=np.minimum(placed, rng.lognormal(6.0, 1.0, orders)),
        handed=np.where(np.isnan(undone) | (undone > 4 * DAY), rng.uniform(1.5, 4, orders) * DAY, np.nan),
        **{name: column[who] for name, column in owned.items()},
    )  # fmt: skip


def clean(seed: int, *, orders: int = 600, length: float = 3 * HOUR, **style: Any) -> Show:
    """A show in which everybody is real."""
    rng, ids = np.random.default_rng(seed), _Ids()
    part = honest(rng, ids, orders, length=length, **style)
    return _joined([part], [np.zeros(orders, bool)], rng, length)


# What attackers do.


def _mixed(seed: int, total: int, fake: int, length: float, attack: Any) -> Show:
    rng, ids = np.random.default_rng(seed), _Ids()
    parts = [attack(rng, ids, fake, length)]
    fakes = [parts[0].pop("is_fake", np.ones(fake, bool))]
    if total > fake:
        parts.append(honest(rng, ids, total - fake, length=length))
        fakes.append(np.zeros(total - fake, bool))
    return _joined(parts, fakes, rng, length)


def brushing(
    seed: int,
    *,
    orders: int = 600,
    share: float = 0.5,
    accounts: int = 4,
    delay: float = 6 * HOUR,
    counts: tuple[int, ...] = (),
    careful: bool = False,
    settled: float = 0.01,
    length: float = 3 * HOUR,
) -> Show:
    """`accounts` people order again and again, by hand, all through the show, and undo nearly all of it after `delay`.

    Each has a phone of their own and often a card of their own.  `careful`: they also have an address, card and phone
    number of their own for each account, and watch the show.
    """
    fake = sum(counts) if counts else max(1, round(orders * share))

    def attack(rng: Rng, ids: _Ids, fake: int, length: float) -> dict[str, Any]:
        who = np.repeat(np.arange(len(counts)), counts) if counts else np.arange(fake) % accounts
        people = len(counts) or accounts
        owned = _people(rng, ids, people)
        if not careful:
            # A studio: a few cards, one or two places where parcels could go.
            owned["payer"] = ids.many(max(1, people // 3))[rng.integers(0, max(1, people // 3), people)]
            owned["address"] = ids.many(max(1, people // 5))[rng.integers(0, max(1, people // 5), people)]
            owned["network"] = np.full(people, ids.many(1)[0])
        starts = rng.uniform(0, length * 0.2, people)
        placed = starts[who] + rng.uniform(0, 1, fake) * (length - starts[who])
        undone = np.where(rng.random(fake) < settled, np.nan, delay * rng.uniform(0.7, 1.3, fake))
        return _blank(
            fake, placed=placed, paid=rng.lognormal(3.2, 0.5, fake), undone=undone,
            amount=rng.integers(3_000, 40_000, fake), product=rng.integers(0, 40, fake),
            watched=np.minimum(placed, rng.lognormal(6.0, 1.0, fake)) if careful else rng.uniform(0, 60, fake),
            **{name: column[who] for name, column in owned.items()},
        )  # fmt: skip

    return _mixed(seed, max(orders, fake), fake, length, attack)


def named_show(seed: int) -> Show:
    """599 orders, of them 141, 165, 135 and 145 by four accounts; four of theirs are kept."""
    return brushing(seed, orders=599, counts=(141, 165, 135, 145), settled=0.007)


def ring(
    seed: int,
    *,
    orders: int = 4_000,
    members: int = 120,
    products: int = 10,
    each: int = 8,
    phones: int = 25,
    cards: int = 12,
    camouflage: float = 0.0,
    delay: float = 9 * DAY,
    length: float = 3 * HOUR,
) -> Show:
    """A studio's many accounts on few phones and cards, who buy what they are told to, and send it back in the end.

    `camouflage`: so many orders beside each, of other products of the show.
    """

    def attack(rng: Rng, ids: _Ids, fake: int, length: float) -> dict[str, Any]:
        owned = _people(rng, ids, members)
        owned["device"] = ids.many(phones)[np.arange(members) % phones]
        owned["payer"] = ids.many(cards)[rng.integers(0, cards, members)]
        owned["network"] = ids.many(3)[rng.integers(0, 3, members)]
        who = np.repeat(np.arange(members), fake // members + 1)[:fake]
        told = rng.random(fake) < 1 / (1 + camouflage)
        product = np.where(told, rng.integers(0, products, fake), rng.integers(0, 40, fake))
        placed = _moments(rng, fake, length)
        return _blank(
            fake, placed=placed, paid=rng.lognormal(3.2, 0.5, fake),
            undone=np.where(rng.random(fake) < 0.85, delay * rng.uniform(0.6, 1.4, fake), np.nan),
            amount=rng.integers(3_000, 40_000, fake), product=product, watched=rng.uniform(0, 400, fake),
            handed=rng.uniform(2, 5, fake) * DAY, **{name: column[who] for name, column in owned.items()},
        )  # fmt: skip

    fake = round(members * each * (1 + camouflage))
    return _mixed(seed, orders + fake, fake, length, attack)


def click_farm(
    seed: int, *, orders: int = 2_000, phones: int = 150, each: int = 2, length: float = 3 * HOUR
) -> Show:
    """A rack of phones, each with an account, behind a few lines, paid for from a handful of wallets, on a signal."""

    def attack(rng: Rng, ids: _Ids, fake: int, length: float) -> dict[str, Any]:
        owned = _people(rng, ids, phones)
        owned["network"] = ids.many(2)[rng.integers(0, 2, phones)]
        owned["payer"] = ids.many(6)[rng.integers(0, 6, phones)]
        owned["address"] = ids.many(10)[rng.integers(0, 10, phones)]
        who = np.arange(fake) % phones
        signals = np.sort(rng.uniform(0, length, max(1, each)))
        placed = signals[np.arange(fake) // phones % len(signals)] + rng.uniform(0, 20, fake)
        return _blank(
            fake, placed=placed, paid=rng.uniform(10, 40, fake), undone=rng.uniform(5, 11, fake) * HOUR,
            amount=rng.integers(3_000, 40_000, fake), product=rng.integers(0, 3, fake), watched=np.zeros(fake),
            **{name: column[who] for name, column in owned.items()},
        )  # fmt: skip

    return _mixed(seed, orders + phones * each, phones * each, length, attack)


def mules(seed: int, *, orders: int = 2_000, people: int = 200, length: float = 3 * HOUR) -> Show:
    """Hired people with phones, cards and homes of their own: one order each, refunded outside when it has come."""

    def attack(rng: Rng, ids: _Ids, fake: int, length: float) -> dict[str, Any]:
        owned = _people(rng, ids, people)
        placed = _moments(rng, fake, length)
        return _blank(
            fake, placed=placed, paid=rng.lognormal(4, 1, fake), undone=np.full(fake, np.nan),
            amount=rng.integers(3_000, 40_000, fake), watched=np.minimum(placed, 600.0),
            handed=rng.uniform(2, 5, fake) * DAY, **owned,
        )  # fmt: skip

    return _mixed(seed, orders + people, people, length, attack)


def collusive_host(
    seed: int,
    *,
    orders: int = 500,
    share: float = 0.3,
    accounts: int = 6,
    delay: float = 8 * HOUR,
    length: float = 3 * HOUR,
) -> Show:
    """The host's own people order from the shop's phones and homes, so that the screen looks busy, and undo it at night."""

    def attack(rng: Rng, ids: _Ids, fake: int, length: float) -> dict[str, Any]:
        owned = _people(rng, ids, accounts)
        owned["device"] = ids.many(3)[rng.integers(0, 3, accounts)]
        owned["network"] = np.full(accounts, ids.many(1)[0])
        owned["payer"] = ids.many(2)[rng.integers(0, 2, accounts)]
        who = rng.integers(0, accounts, fake)
        placed = rng.uniform(0, length, fake)
        return _blank(
            fake, placed=placed, paid=rng.lognormal(3, 0.5, fake), undone=delay * rng.uniform(0.6, 1.4, fake),
            amount=rng.integers(3_000, 40_000, fake), product=rng.integers(0, 8, fake),
            staff=rng.random(fake) < 0.7, watched=rng.uniform(0, 300, fake),
            **{name: column[who] for name, column in owned.items()},
        )  # fmt: skip

    return _mixed(seed, orders, round(orders * share), length, attack)


def return_ring(seed: int, *, orders: int = 3_000, members: int = 60, each: int = 6) -> Show:
    """The ring, with phones of its own each, that shares cards and places where parcels go, and refuses all parcels."""
    return ring(
        seed, orders=orders, members=members, each=each, phones=members, cards=8, products=40, delay=6 * DAY
    )


# Crowds that look odd and are real.


def flash_sale(seed: int, *, orders: int = 1_000, length: float = 2 * HOUR) -> Show:
    """Most of the show's orders within a minute, for the same three products; more are left unpaid, more regretted."""
    rng = np.random.default_rng(seed + 10_000_019)
    at = np.where(
        rng.random(orders) < 0.8, length / 2 + rng.exponential(12, orders), rng.uniform(0, length, orders)
    )
    return clean(seed, orders=orders, length=length, products=3, hero=0.5, unpaid=0.18, regretted=0.14, at=at)


def raid(seed: int, *, orders: int = 1_000, length: float = 2 * HOUR) -> Show:
    """Another host sends a whole room over: they come at once, have watched nothing, and buy in ten minutes."""
    rng = np.random.default_rng(seed + 10_000_019)
    at = np.where(
        rng.random(orders) < 0.6, length * 0.7 + rng.uniform(0, 600, orders), rng.uniform(0, length, orders)
    )
    show = clean(seed, orders=orders, length=length, at=at, regretted=0.09)
    late = show.orders.placed > length * 0.7
    watched = np.where(late, rng.exponential(60, orders), show.orders.watched)
    return Show(replace(show.orders, watched=watched), show.fake)


def campus(seed: int, *, orders: int = 1_000, length: float = 2 * HOUR) -> Show:
    """Two thirds of the buyers sit behind one address and have their parcels brought to one of two places."""
    rng = np.random.default_rng(seed + 10_000_019)
    show = clean(seed, orders=orders, length=length)
    there = (show.orders.account % 3) != 0
    places = np.where(show.orders.account % 2 == 0, 8_000_001, 8_000_002)
    return Show(
        replace(
            show.orders,
            network=np.where(there, 9_000_001, show.orders.network),
            address=np.where(there & (rng.random(len(there)) < 1.0), places, show.orders.address),
        ),
        show.fake,
    )


def viral_clip(seed: int, *, orders: int = 1_000, length: float = 2 * HOUR) -> Show:
    """A clip goes round: strangers stay for seconds, buy one thing, and a third of it comes back."""
    rng = np.random.default_rng(seed + 10_000_019)
    at = np.minimum(length * 0.999, length * 0.3 + rng.gamma(2.0, 900, orders))
    show = clean(seed, orders=orders, length=length, at=at, hero=0.85, regretted=0.1, returned=0.35)
    return Show(replace(show.orders, watched=rng.exponential(25, orders)), show.fake)


def _with(seed: int, orders: int, length: float, guests: Any) -> tuple[Show, Any]:
    """An honest show, with guests of whom it is asked later whether they were tagged."""
    rng, ids = np.random.default_rng(seed), _Ids()
    parts = [guests(rng, ids), honest(rng, ids, orders, length=length)]
    marks = [np.ones(len(parts[0]["placed"]), bool), np.zeros(orders, bool)]
    show = _joined(parts, marks, rng, length)
    return Show(show.orders, np.zeros(len(show.fake), bool)), show.fake


def organiser(seed: int, *, orders: int = 500, units: int = 60, length: float = 2 * HOUR) -> tuple[Show, Any]:
    """Somebody orders for sixty neighbours, one order after the other, from one phone and one card, to one or many homes."""

    def guests(rng: Rng, ids: _Ids) -> dict[str, Any]:
        one = _people(rng, ids, 1)
        to_homes = rng.random() < 0.5
        placed = length * 0.4 + np.cumsum(rng.lognormal(3.3, 0.6, units))
        undone = np.where(rng.random(units) < 0.06, rng.uniform(1, 12, units) * DAY, np.nan)
        mine = {name: np.repeat(column, units) for name, column in one.items()}
        if to_homes:
            mine["address"], mine["phone"] = ids.many(units), ids.many(units)
        return _blank(
            units, placed=placed, paid=rng.lognormal(3.4, 0.6, units), undone=undone,
            handed=np.where(np.isnan(undone), rng.uniform(1.5, 4, len(undone)) * DAY, np.nan),
            amount=rng.integers(3_000, 9_000, units), product=np.full(units, rng.integers(0, 40)),
            watched=np.minimum(placed, 2_400.0), **mine,
        )  # fmt: skip

    return _with(seed, orders, length, guests)


def families(seed: int, *, orders: int = 400, homes: int = 40, length: float = 2 * HOUR) -> tuple[Show, Any]:
    """Two to five accounts on one tablet, one card, one door; an order or three each."""

    def guests(rng: Rng, ids: _Ids) -> dict[str, Any]:
        sizes = rng.integers(2, 6, homes)
        home = np.repeat(np.arange(homes), sizes)
        members = len(home)
        owned = _people(rng, ids, members)
        for name in ("device", "address", "network", "payer"):
            owned[name] = ids.many(homes)[home]
        owned["phone"] = np.where(rng.random(members) < 0.4, ids.many(homes)[home], owned["phone"])
        who = np.repeat(np.arange(members), rng.integers(1, 4, members))
        count = len(who)
        paid, undone = _outcomes(rng, count, unpaid=0.05, regretted=0.05, returned=0.3)
        # One of the house decides: all goes back, or nothing.
        back = rng.random(homes) < 0.12
        undone = np.where(
            back[home[who]], rng.uniform(0.2, 10, homes)[home[who]] * HOUR, np.where(np.isnan(paid), undone, np.nan)
        )  # fmt: skip
        return _blank(
            count, placed=_moments(rng, count, length), paid=paid, undone=undone,
            handed=np.where(np.isnan(undone), rng.uniform(1.5, 4, len(undone)) * DAY, np.nan),
            amount=rng.integers(3_000, 40_000, count), product=rng.integers(0, 40, count),
            watched=rng.lognormal(6, 1, count), **{name: column[who] for name, column in owned.items()},
        )  # fmt: skip

    return _with(seed, orders, length, guests)


def store_sales(
    seed: int, *, orders: int = 300, sales: int = 120, length: float = 3 * HOUR
) -> tuple[Show, Any]:
    """Staff ring up what people take from the shelf beside the stage: one tablet, mostly no names, paid and taken along."""

    def guests(rng: Rng, ids: _Ids) -> dict[str, Any]:
        known = rng.random(sales) < 0.3
        till, line = ids.many(1)[0], ids.many(1)[0]
        fronted = rng.random() < 0.5
        undone = np.where(rng.random(sales) < 0.03, rng.uniform(0.2, 72, sales) * HOUR, np.nan)
        return _blank(
            sales, placed=np.sort(rng.uniform(0, length, sales)), paid=rng.uniform(5, 60, sales), undone=undone,
            amount=rng.integers(3_000, 40_000, sales), product=rng.integers(0, 40, sales),
            device=np.full(sales, till), network=np.full(sales, line),
            account=np.where(known, ids.many(sales), ids.many(1)[0] if fronted else -1),
            phone=np.where(known, ids.many(sales), -1), payer=np.where(known, ids.many(sales), -1),
            staff=np.ones(sales, bool), handed=np.where(np.isnan(undone), 90.0, np.nan), watched=np.full(sales, np.nan),
        )  # fmt: skip

    return _with(seed, orders, length, guests)


def staff_test(seed: int, *, orders: int = 300, tests: int = 6, length: float = 2 * HOUR) -> tuple[Show, Any]:
    """Before and early in a show the crew tries the checkout, from two phones, and cancels within the hour."""

    def guests(rng: Rng, ids: _Ids) -> dict[str, Any]:
        owned = _people(rng, ids, 2)
        owned["network"] = np.full(2, ids.many(1)[0])
        who = np.arange(tests) % 2
        return _blank(
            tests, placed=rng.uniform(0, 900, tests), paid=rng.uniform(5, 60, tests),
            undone=rng.uniform(60, 3_000, tests), amount=rng.integers(3_000, 40_000, tests),
            product=rng.integers(0, 40, tests), staff=rng.random(tests) < 0.6, watched=np.zeros(tests),
            **{name: column[who] for name, column in owned.items()},
        )  # fmt: skip

    return _with(seed, orders, length, guests)


# Who watches.


def audience(
    seed: int,
    *,
    people: int = 1_500,
    bots: int = 0,
    silent: int = 0,
    length: float = 2 * HOUR,
    arrivals: str = "even",
) -> tuple[Audience, Any]:
    """Viewers; `bots` like and chat by a timer, `silent` ones come on one signal, claim playback they never fetch, and
    leave on another.  `arrivals`: even, raid, viral (a clip: many, and they stay for seconds).
    """
    rng = np.random.default_rng(seed)
    came = rng.uniform(0, length * 0.9, people)
    stayed = np.maximum(4, rng.lognormal(5.5, 1.3, people))
    if arrivals == "raid":
        came = np.where(rng.random(people) < 0.7, length * 0.6 + rng.exponential(15, people), came)
    if arrivals == "viral":
        came, stayed = np.minimum(length * 0.9, rng.gamma(2, 800, people)), 4 + rng.exponential(12, people)
    seen = np.minimum(length, came + stayed)
    claimed = (seen - came) * rng.uniform(0.8, 1.0, people)
    served = claimed * rng.uniform(0.85, 1.1, people) + rng.uniform(0, 12, people)
    acts = rng.poisson(np.minimum(60, stayed / 60), people)
    who = np.repeat(np.arange(people), acts)
    at = came[who] + rng.random(len(who)) * (seen - came)[who]
    count = 1 + rng.poisson(4, len(who))
    fans = np.flatnonzero(stayed > 1_200)[:40]
    for fan in fans:
        # A finger that taps on and on: the page tells it every two seconds.
        begin = float(came[fan])
        beats = np.arange(begin, min(float(seen[fan]), begin + 300), 2.0)
        who, at = np.concatenate([who, np.full(len(beats), fan)]), np.concatenate([at, beats])
        count = np.concatenate([count, 1 + rng.poisson(7, len(beats))])
    columns = [came, seen, claimed, served]
    if bots:
        b_came = rng.uniform(0, length * 0.3, bots)
        b_seen = np.minimum(length, b_came + rng.uniform(0.3, 0.7, bots) * length)
        period = rng.uniform(6, 45, bots)
        for bot in range(bots):
            beats = np.arange(float(b_came[bot]), float(b_seen[bot]), float(period[bot]))
            beats = beats + rng.normal(0, 0.02 * period[bot], len(beats))
            who = np.concatenate([who, np.full(len(beats), len(came) + bot)])
            at, count = np.concatenate([at, beats]), np.concatenate([count, np.full(len(beats), 1)])
        mine = [b_came, b_seen, b_seen - b_came, b_seen - b_came]
        columns = [np.concatenate(pair) for pair in zip(columns, mine, strict=True)]
    if silent:
        s_came = np.full(silent, length * 0.2) + rng.uniform(0, 3, silent)
        s_seen = np.full(silent, length * 0.8) + rng.uniform(0, 3, silent)
        mine = [s_came, s_seen, s_seen - s_came, np.zeros(silent)]
        columns = [np.concatenate(pair) for pair in zip(columns, mine, strict=True)]
    fake = np.arange(people + bots + silent) >= people
    return Audience(columns[0], columns[1], columns[2], columns[3], who, at, count, length), fake
