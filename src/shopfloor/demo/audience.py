"""The simulated audience of the demo: a few hundred shoppers, in a process of their own.

    python -m shopfloor.demo.audience BASE_URL SHOP SHOW SECONDS SHOPPERS SEED

Everybody here is made up and says so in `docs/demo-audience.md`, which states this model: who comes when, who
wants what, who asks, buys, pays, waits or gives up.  They use what real shoppers use: the page, the room
socket, the purchase doors, the forms, the event intake, the video playlist.  The same seed gives the same
people with the same wishes; what becomes of them also depends on how fast the shop answers.

Prints one JSON object a line: {"say": …} as things happen and {"paid": order} when somebody has transferred
the money, which the merchant of the demo then finds on the account.
"""

import asyncio
import contextlib
import html
import json
import random
import re
import sys
import time
from collections import Counter
from dataclasses import field
from typing import Any, Final

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Origin

from shopfloor.demo import ring
from shopfloor.demo.forms import find_form
from shopfloor.demo.goods import CODE, GOODS, OPTION_NAMES_ZH, OPTION_VALUES_ZH
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.values import new_id

BEAT: Final = 5.0
SIZES: Final = {"S": 0.17, "M": 0.35, "L": 0.31, "XL": 0.17}
NAMES: Final = (
    "晓雯", "阿泽", "林夕", "小满", "陈默", "Mia", "Jonas", "Priya", "Tom", "Aisha", "Lena", "Kenji", "若溪",
    "大树", "Sofia", "Noah", "梓涵", "Emma", "老周", "Lucas", "米粒", "Hana", "安安", "Oskar", "Yara", "子墨",
)  # fmt: skip
# How many of the audience take part in what the host puts up.
ENTERS: Final = 0.7
GREETINGS: Final = {
    "en": ("hello everyone", "first time here", "love this light", "sound is good", "hi from Lisbon"),
    "zh": ("主播好", "第一次来", "画面好清楚", "声音很好", "杭州的朋友报到"),
}
PRAISE: Final = {
    "en": ("that one is beautiful", "bought it last year, still great", "nice colour", "so well made"),
    "zh": ("这个好看", "去年买过，很好用", "颜色真好", "做工不错"),
}
DOUBTS: Final = {
    "en": ("a bit expensive for me", "shipping took a week last time"),
    "zh": ("有点贵", "上次快递等了一周"),
}


@dataclass(slots=True)
class Wish:
    """One shopper's wish for one product, drawn once."""

    wants: bool
    options: list[str]
    delay: float
    asks: bool
    quantity: int


@dataclass(slots=True)
class Shopper:
    number: int
    language: str
    name: str
    arrives: float
    stays: float
    watches_video: bool
    uses_form: bool
    pays: float
    gives_up: float
    wishes: dict[str, Wish]
    random: random.Random


@dataclass(slots=True)
class Tally:
    counts: Counter[str] = field(default_factory=Counter)

    def __getitem__(self, key: str) -> int:
        return self.counts[key]

    def add(self, key: str) -> None:
        self.counts[key] += 1


def people(count: int, seconds: float, seed: int) -> list[Shopper]:
    """Draw the audience.  Arrivals: a third in the first tenth of the show, the rest evenly over 70 % of it."""
    chance = random.Random(seed)
    crowd: list[Shopper] = []
    for number in range(count):
        early = chance.random() < 1 / 3
        arrives = chance.uniform(0, seconds * 0.1) if early else chance.uniform(0, seconds * 0.7)
        wishes: dict[str, Wish] = {}
        size = chance.choices(list(SIZES), list(SIZES.values()))[0]
        for good in GOODS:
            options = list(chance.choice(good.variants))
            if "Size" in good.options:
                options[list(good.options).index("Size")] = size if size in good.options["Size"] else "L"
            wishes[good.handle] = Wish(
                wants=chance.random() < good.appeal / 400,
                options=options,
                delay=min(12.0, chance.lognormvariate(0.7, 0.6)),
                asks=chance.random() < 0.10,
                quantity=2 if good.kind == "piece" and chance.random() < 0.2 else 1,
            )
        crowd.append(
            Shopper(
                number, chance.choice(("zh", "en")), chance.choice(NAMES), arrives,
                stays=max(8.0, chance.expovariate(1 / (seconds * 0.7))),
                watches_video=number % 30 == 0, uses_form=chance.random() < 0.15,
                pays=chance.random(), gives_up=chance.random(), wishes=wishes,
                random=random.Random(seed * 1_000_003 + number),
            )
        )  # fmt: skip
    return crowd


class Visit:
    """One shopper in the room, from opening the page to leaving it."""

    def __init__(self, world: "World", shopper: Shopper) -> None:
        self.world = world
        self.shopper = shopper
        self.address = loopback_address(shopper.number)
        self.http = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(local_address=self.address),
            base_url=world.base_url, timeout=15, follow_redirects=False,
        )  # fmt: skip
        self.state: dict[str, Any] = {}
        self.answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self.seen: set[int] = set()
        self.errands: set[asyncio.Task[None]] = set()
        self.cards: set[tuple[str, int]] = set()
        self.sequence = 0
        self.position = 0.0

    async def run(self) -> None:
        world, shopper = self.world, self.shopper
        await asyncio.sleep(max(0.0, world.began + shopper.arrives - time.monotonic()))
        page = await self.http.get(world.room_path, headers={"accept-language": shopper.language})
        page.raise_for_status()
        world.tally.add("entered")
        cookies = "; ".join(f"{name}={value}" for name, value in self.http.cookies.items())
        address = f"{world.base_url.replace('http', 'ws', 1)}/room/{world.show_id}/socket"
        leaves = min(world.ends, time.monotonic() + shopper.stays)
        try:
            await self.attend(address, cookies, leaves)
        except* TimeoutError:
            pass
        except* (ConnectionClosed, OSError, InvalidHandshake) as gone:
            world.say(f"{shopper.name} lost the connection: {gone.exceptions[0]!r}")
            world.tally.add("lost")
        for errand in self.errands:
            errand.cancel()
        await self.http.aclose()

    async def attend(self, address: str, cookies: str, leaves: float) -> None:
        """Stay in the room until it is time to leave.  Raises TimeoutError then."""
        loop = asyncio.get_running_loop()
        async with connect(
            address,
            additional_headers={"cookie": cookies},
            origin=Origin(self.world.base_url),
            local_addr=(self.address, 0) if self.address else None,
            max_queue=256,
            close_timeout=1,
        ) as socket:
            await socket.send(json.dumps({"t": "hello"}))
            async with (
                asyncio.timeout_at(loop.time() + leaves - time.monotonic()),
                asyncio.TaskGroup() as group,
            ):
                group.create_task(self.listen(socket))
                group.create_task(self.beat(socket))
                if self.shopper.watches_video:
                    group.create_task(self.watch())

    async def listen(self, socket: ClientConnection) -> None:
        async for frame in socket:
            message = json.loads(frame)
            match message["t"]:
                case "snapshot":
                    self.state = message["state"]
                    self.look(socket)
                case "tick" if "patch" in message:
                    merge(self.state, message["patch"])
                    self.look(socket)
                case "answer":
                    waiting = self.answers.pop(message["id"], None)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(message)
                case _:
                    pass

    def look(self, socket: ClientConnection) -> None:
        """Notice what is being shown; whoever wants it goes after it, and most take part in what costs nothing."""
        self.take_part()
        featured = self.state.get("featured")
        if not featured or featured["offer_id"] in self.seen:
            return
        self.seen.add(featured["offer_id"])
        errand = asyncio.create_task(self.consider(socket, featured["offer_id"]))
        self.errands.add(errand)
        errand.add_done_callback(self.finished)

    def take_part(self) -> None:
        """Enter the giveaway, answer the poll, collect the coupon: each once, and not everybody."""
        giveaway, poll, coupon = (self.state.get(card) for card in ("giveaway", "poll", "coupon"))
        if giveaway and giveaway["state"] == "open":
            self.tap("giveaway", giveaway["id"], f"giveaways/{giveaway['id']}/enter")
        if poll and not poll.get("closed"):
            # Of those whose name ends alike the taste is, too.
            answer = len(self.shopper.name) % len(poll["answers"])
            self.tap("poll", poll["id"], f"polls/{poll['id']}/vote", {"answer": str(answer)})
        if coupon and coupon["open"] and coupon.get("left") != 0:
            self.tap("coupon", coupon["id"], f"coupons/{coupon['slug']}")

    def tap(self, card: str, number: int, path: str, fields: dict[str, str] | None = None) -> None:
        if (card, number) in self.cards:
            return
        self.cards.add((card, number))
        # What they buy is to be the same with cards and without.
        mood = random.Random(f"{self.shopper.name} {card} {number}")
        if mood.random() < ENTERS:
            errand = asyncio.create_task(self.tap_soon(card, path, fields, mood.uniform(0.5, 8)))
            self.errands.add(errand)
            errand.add_done_callback(self.finished)

    async def tap_soon(self, card: str, path: str, fields: dict[str, str] | None, seconds: float) -> None:
        await asyncio.sleep(seconds)
        reply = await self.http.post(
            f"{self.world.room_path.rpartition('/live/')[0]}/{path}",
            data=fields or {},
            headers={"accept": "application/json"},
        )
        self.world.tally.add(f"took part: {card}" if reply.is_success else f"refused: {card}")

    def finished(self, errand: asyncio.Task[None]) -> None:
        self.errands.discard(errand)
        if not errand.cancelled() and errand.exception() is not None:
            self.world.tally.add("troubles")
            self.world.say(f"trouble for {self.shopper.name}: {errand.exception()!r}")

    async def beat(self, socket: ClientConnection) -> None:
        while True:
            await socket.send(json.dumps({"t": "beat", "playing": True, "position": round(self.position, 1)}))
            await asyncio.sleep(BEAT)
            self.position += BEAT

    async def watch(self) -> None:
        """Pull the playlist and the newest segments, as a player does."""
        playback = self.state.get("show", {}).get("playback")
        seen: set[str] = set()
        while True:
            playback = self.state.get("show", {}).get("playback") or playback
            if playback:
                with contextlib.suppress(httpx.HTTPError):
                    playlist = await self.http.get(playback)
                    lines = [line for line in playlist.text.splitlines() if line and not line.startswith("#")]
                    for line in lines[-1:]:
                        if playlist.status_code == 200 and line not in seen:
                            seen.add(line)
                            media = await self.http.get(f"{playback.rsplit('/', 1)[0]}/{line}")
                            self.world.tally.counts["video_bytes"] += len(media.content)
            await asyncio.sleep(1.0)

    async def consider(self, socket: ClientConnection, offer_id: int) -> None:
        shopper = self.shopper
        offer = self.state["offers"][str(offer_id)]
        good = next((good for good in GOODS if good.title == offer["title"]), None)
        if good is None:
            return
        wish = shopper.wishes[good.handle]
        await asyncio.sleep(wish.delay)
        if shopper.random.random() < 0.05:
            await self.chat(socket, shopper.random.choice(GREETINGS[shopper.language]))
        if not wish.wants:
            if shopper.random.random() < 0.03:
                await self.chat(
                    socket, shopper.random.choice((*PRAISE[shopper.language], *DOUBTS[shopper.language]))
                )
            return
        line = next((line for line in offer["lines"].values() if line["options"] == wish.options), None)
        if line is None:
            return
        await self.collect("select_item", offer, line)
        if wish.asks:
            await self.chat(socket, question(shopper.language, good.options, line["options"], shopper.random))
        await asyncio.sleep(shopper.random.uniform(0.4, 1.6))
        await self.buy(socket, offer, line, wish.quantity)

    async def chat(self, socket: ClientConnection, text: str) -> None:
        reference = f"c{self.shopper.random.randrange(10**6)}"
        await socket.send(
            json.dumps({"t": "chat", "ref": reference, "text": text, "name": self.shopper.name})
        )
        self.world.tally.add("chatted")

    async def collect(self, kind: str, offer: dict[str, Any], line: dict[str, Any]) -> None:
        self.sequence += 1
        event = {
            "specversion": "1.0", "id": str(new_id()),
            "source": f"browser/{self.shopper.number}-{self.world.show_id}", "type": kind,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "sequence": self.sequence,
            "sessionid": f"{self.world.show_id}-{self.shopper.number}",
            "data": {
                "show_id": self.world.show_id, "offer_id": offer["id"], "product_id": offer["product_id"],
                "variant_id": line["id"], "quantity": 1,
            },
        }  # fmt: skip
        await self.http.post(
            "/e", json=[event], headers={"content-type": "application/cloudevents-batch+json"}
        )
        self.world.tally.add("clicked")

    async def buy(
        self, socket: ClientConnection, offer: dict[str, Any], line: dict[str, Any], quantity: int
    ) -> None:
        shopper, world = self.shopper, self.world
        # Not from the seed: the next show has the same audience, and an id is taken once.
        wish_id = str(new_id())
        wish = {
            "id": wish_id, "offer_id": offer["id"],
            "variant_id": line["id"], "quantity": quantity,
            "price_minor": self.state["offers"][str(offer["id"])]["lines"][str(line["id"])]["price_minor"],
        }  # fmt: skip
        if shopper.uses_form:
            reply = await self.http.post("/buy", json=wish)
            answer = reply.json()
        else:
            self.answers[wish_id] = asyncio.get_running_loop().create_future()
            await socket.send(json.dumps({"t": "buy"} | wish))
            try:
                answer = await asyncio.wait_for(self.answers[wish_id], 3)
            except TimeoutError:
                # The same wish through the other door: the same id can only be granted once.
                reply = await self.http.post("/buy", json=wish)
                answer = reply.json()
                world.tally.add("asked again")
        if answer.get("outcome") == "held":
            world.tally.add("held")
            await self.check_out(answer["url"])
        else:
            world.tally.add(f"refused {answer.get('code')}")
            await self.refused(answer.get("code"), offer, line, quantity)

    async def refused(
        self, code: str | None, offer: dict[str, Any], line: dict[str, Any], quantity: int
    ) -> None:
        if code != "stock.sold_out" or self.shopper.random.random() > 0.65:
            return
        values = {
            "show_id": str(self.world.show_id), "offer_id": str(offer["id"]), "variant_id": str(line["id"]),
            "quantity": str(quantity),
        }  # fmt: skip
        reply = await self.http.post(f"/s/{self.world.shop}/waitlist", data=values)
        if reply.status_code < 400:
            self.world.tally.add("waiting")

    async def check_out(self, url: str) -> None:
        shopper, world = self.shopper, self.world
        if shopper.gives_up < 0.12:
            world.tally.add("gave up")
            return
        await asyncio.sleep(shopper.random.uniform(0.5, 2.5))
        page = await self.http.get(url, headers={"accept-language": shopper.language})
        # All that this shopper has reserved is in it, under the address of one of the purchases.
        form = find_form(page.text, f"/s/{world.shop}/checkout/")
        if form is None:
            world.tally.add("no checkout")
            return
        picks_up = shopper.random.random() < 0.15
        online = next((way for way in form.choices.get("method", []) if way.startswith("pay-")), None)
        if shopper.random.random() < 0.5:
            online = None
        wanted = "pick_up" if picks_up else "ship"
        ways = [way for way in form.choices.get("delivery", []) if way.startswith(wanted)]
        filled = {
            "name": shopper.name,
            "phone": f"1380000{shopper.number:04d}",
            "email": f"shopper{shopper.number}@audience.example",
            "delivery": ways[0] if ways else wanted,
            "street": "" if picks_up else f"{shopper.number} Harbour Road",
            "city": "" if picks_up else "Xiamen",
            "method": online or ("cash" if picks_up else "transfer"),
            **({"sms": "yes"} if shopper.number % 3 == 0 else {}),
        }
        if shopper.number % 4 == 0:
            # A follower: enters the code and looks at what it takes off; where nothing, orders without it.
            applied = await self.http.post(form.action, data=form.filled(**filled, code=CODE) | {"look": "1"})
            form = find_form(applied.text, form.action) or form
            if 'class="note good" role="status"' in applied.text:
                world.tally.add("code applied")
            else:
                filled["code"] = ""
        done = await self.http.post(form.action, data=form.filled(**filled))
        if done.status_code == 303 and "/orders/" in done.headers["location"]:
            world.tally.add("ordered")
            if done.headers["location"].endswith("/pay"):
                await self.pay_online(done.headers["location"])
            elif shopper.pays < 0.9:
                await asyncio.sleep(shopper.random.uniform(0.5, 3))
                world.tally.add("paid")
                world.out({"paid": done.headers["location"].split("/orders/")[1].split("?")[0]})
        else:
            world.tally.add(f"checkout {done.status_code}")

    async def pay_online(self, place: str) -> None:
        """On the provider's page, as people do it: some cards are declined at first, some windows closed."""
        shopper, world = self.shopper, self.world
        found = re.search(r'href="([^"]*/test-payments/pay/[^"]+)"', (await self.http.get(place)).text)
        if found is None:
            world.tally.add("no payment page")
            return
        page = html.unescape(found[1])
        await asyncio.sleep(shopper.random.uniform(0.3, 1.5))
        if shopper.pays >= 0.95:
            world.tally.add("walked away from paying")
            return
        [choice] = shopper.random.choices(
            ("pay", "secure", "decline", "later", "twice", "silent", "gone", "disputed"),
            (50, 15, 12, 8, 5, 5, 3, 2),
        )
        await self.http.post(page, data={"choice": choice})
        if choice in {"decline", "secure"}:
            await self.http.post(page, data={"choice": "pay"})
        if choice != "gone":
            await self.http.get(place.removesuffix("/pay") + "/payment")
        world.tally.add("paid online")


class World:
    """What all visits share: the address, the clock, the tally, and the way to say something."""

    def __init__(self, base_url: str, shop: str, show_id: int, seconds: float) -> None:
        self.base_url = base_url
        self.shop = shop
        self.show_id = show_id
        self.room_path = f"/s/{shop}/live/{show_id}"
        self.began = time.monotonic()
        self.ends = self.began + seconds
        self.tally = Tally()

    def out(self, message: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(message, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def say(self, text: str) -> None:
        self.out({"say": text})


def loopback_address(number: int) -> str | None:
    """A few shoppers behind each address, as in real networks: Linux answers on all of 127.0.0.0/8."""
    return f"127.0.{1 + number // 8 // 250}.{1 + number // 8 % 250}" if sys.platform == "linux" else None


def merge(state: dict[str, Any], patch: dict[str, Any]) -> None:
    """Apply a merge patch (RFC 7386) in place."""
    for key, value in patch.items():
        if value is None:
            state.pop(key, None)
        elif isinstance(value, dict) and isinstance(state.get(key), dict):
            merge(state[key], value)
        else:
            state[key] = value


def question(
    language: str, options: dict[str, tuple[str, ...]], values: list[str], chance: random.Random
) -> str:
    """Ask for a variant in the words people use."""
    names = list(options)
    if language == "zh":
        said = [OPTION_VALUES_ZH.get(value, value) for value in values]
        forms = (
            f"有{''.join(said)}吗",
            f"{said[-1]}还有吗？",
            f"想要{said[0]}的",
            f"{OPTION_NAMES_ZH[names[0]]}怎么选",
        )
    else:
        said = [value.lower() if len(value) > 2 else value for value in values]
        forms = (
            f"do you have it in {' '.join(said)}?",
            f"is {said[-1]} still available?",
            f"I want the {said[0]} one",
        )
    return chance.choice(forms)


async def report(world: World) -> None:
    while True:
        await asyncio.sleep(2)
        world.out({"tally": dict(world.tally.counts)})


async def attend(world: World, crowd: list[Shopper], seconds: float) -> None:
    reporter = asyncio.create_task(report(world))
    results = await asyncio.gather(
        *(Visit(world, shopper).run() for shopper in crowd),
        *(
            ring.brush(world, each, loopback_address(len(crowd) + each), seconds)
            for each in range(ring.BRUSHERS)
        ),
        return_exceptions=True,
    )
    reporter.cancel()
    for problem in results:
        if isinstance(problem, BaseException):
            world.tally.add("troubles")
            world.say(f"trouble: {problem!r}")
    world.out({"tally": dict(world.tally.counts), "done": True})


def main() -> int:
    base_url, shop, show, seconds, shoppers, seed = sys.argv[1:7]
    world = World(base_url, shop, int(show), float(seconds))
    asyncio.run(attend(world, people(int(shoppers), float(seconds), int(seed)), float(seconds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
