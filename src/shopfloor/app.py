"""Builds the shop of one process and runs it: database, collector, camera port, rooms, doors, pages.

`Node` holds the parts that live as long as the process; `build` puts them behind one ASGI application; `run`
serves it until it is told to stop, and then lets everybody who waits for an answer have it.
"""

import asyncio
import gc
import os
import re
import signal
import socket
import ssl
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from importlib import metadata
from ipaddress import ip_address
from typing import Any, Final
from uuid import UUID

import uvicorn
import uvloop
from fastapi import FastAPI, Request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shopfloor import (
    accounts,
    auctions,
    auth,
    certificates,
    chat,
    collector,
    giveaways,
    media,
    orders,
    polls,
    promotions,
    purchases,
    rooms,
    schemas,
    shop_borders,
    shoppers,
    specification,
    stock,
    telemetry,
    web,
    wiring,
    worker,
)
from shopfloor.auctions import api as auctions_api
from shopfloor.auth import api as accounts_api
from shopfloor.auth import people_api, shops_api
from shopfloor.brand import LARGE_BODIES as LARGE_BRAND
from shopfloor.catalog import api as catalog_api
from shopfloor.catalog import import_api as catalog_import_api
from shopfloor.chat import api as chat_api
from shopfloor.customers import api as customers_api
from shopfloor.demand import api as demand_api
from shopfloor.dispatch import api as dispatch_api
from shopfloor.dispatch import routing_api as dispatch_routing_api
from shopfloor.disputes import api as disputes_api
from shopfloor.erasure import api as erasure_api
from shopfloor.fapiao import LARGE_BODIES as LARGE_FAPIAO
from shopfloor.fapiao import api as fapiao_api
from shopfloor.giveaways import api as giveaways_api
from shopfloor.integrity import api as integrity_api
from shopfloor.inventory import api as stock_api
from shopfloor.invoicing import api as invoicing_api
from shopfloor.kernel import http, logs, outbox, public_address, route_access, secrets
from shopfloor.kernel.client_address import is_own_machine
from shopfloor.kernel.connections import CallbackCount, Connections, raise_file_limit, room_for
from shopfloor.kernel.database import Database, DatabaseAway
from shopfloor.kernel.edge import Edge
from shopfloor.kernel.errors import NotFound, Refusal
from shopfloor.kernel.http_protocol import IDLE_SECONDS, make_guarded_protocol, sweep
from shopfloor.kernel.jobs import queries
from shopfloor.kernel.keyring import Keyring, load_keyring
from shopfloor.kernel.network import Networks, own_networks
from shopfloor.kernel.postgres import CannotRun
from shopfloor.kernel.public_address import PublicAddress
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.routes import Router, add_routes
from shopfloor.kernel.services import Services
from shopfloor.kernel.settings import Settings
from shopfloor.kernel.tls import make_tls_protocol
from shopfloor.live import api as live_api
from shopfloor.live_counters import api as live_counters_api
from shopfloor.media import api as media_api
from shopfloor.notifications import api as messages_api
from shopfloor.order_edits import api as order_edits_api
from shopfloor.order_lists import api as order_lists_api
from shopfloor.orders import api as orders_api
from shopfloor.payment_accounts import api as payment_accounts_api
from shopfloor.pickups import api as pickups_api
from shopfloor.picture_files import PictureFiles
from shopfloor.policies import api as policies_api
from shopfloor.polls import api as polls_api
from shopfloor.pricing import api as pricing_api
from shopfloor.promotions import api as promotions_api
from shopfloor.reconciliation import api as reconciliation_api
from shopfloor.reports import api as reports_api
from shopfloor.returns import api as returns_api
from shopfloor.rooms import api as rooms_api
from shopfloor.routing import api as routing_api
from shopfloor.run_of_show import api as run_of_show_api
from shopfloor.shoppers import api as shoppers_api
from shopfloor.statements import api as statements_api
from shopfloor.stock_control import api as stock_control_api
from shopfloor.stock_control import safety_api as stock_safety_api
from shopfloor.stores import api as stores_api
from shopfloor.supply import api as supply_api
from shopfloor.tills import api as tills_api
from shopfloor.tills import device_api as till_device_api
from shopfloor.warehouse import api as warehouse_api

_log = logs.get("app")


def take_port(host: str, port: int) -> socket.socket:
    """A listening socket on `port`, or on the next free one above it.  Raises OSError after fifty tries."""
    for candidate in [0] if port == 0 else range(port, port + 50):
        with suppress(OSError):
            return _listener(host, candidate)
    raise OSError(f"no free port from {port} to {port + 49} on {host}")


def take_exact_port(host: str, port: int) -> socket.socket:
    """A listening socket on `port`, where others expect it.  Raises CannotRun with a sentence."""
    try:
        return _listener(host, port)
    except PermissionError as problem:
        raise CannotRun(
            f"Port {port} may only be opened with a privilege of the system. Run as a service with "
            "AmbientCapabilities=CAP_NET_BIND_SERVICE, or choose other ports with SHOPFLOOR_PORT and SHOPFLOOR_HTTP_PORT "
            "and forward 443 and 80 to them."
        ) from problem
    except OSError as problem:
        raise CannotRun(f"Port {port} cannot be opened on {host}: {problem.strerror}.") from problem


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(4096)
    except OSError:
        listener.close()
        raise
    return listener


def near(listener: socket.socket) -> str:
    """How another process of this machine reaches `listener`."""
    host, port = listener.getsockname()[:2]
    if ip_address(host).is_unspecified:
        only_six = listener.family == socket.AF_INET6 and listener.getsockopt(
            socket.IPPROTO_IPV6, socket.IPV6_V6ONLY
        )
        host = "::1" if only_six else "127.0.0.1"
    return f"http://{public_address.authority(host, port)}"


class Node:
    """The living parts of one process.  `start` in the order in which they need each other, `close` backwards."""

    def __init__(
        self,
        settings: Settings,
        dsn: str,
        *,
        writer: str,
        address: str = "",
        public: PublicAddress = public_address.LOCAL,
        connections: Connections | None = None,
        certificate: certificates.Keeper | None = None,
    ) -> None:
        """`writer`: a name no other process that uses the lake has; `address`: where others of this machine reach
        our pages; `public`: where people do; `certificate`: where this process serves https itself.
        """
        self.settings = settings
        self.address = address
        self.public = settings.public or public
        self.certificate = certificate
        self.connections = connections or Connections(room_for(raise_file_limit()), proxies=settings.proxies)
        self.db = Database(dsn, settings.database_pool)
        self.lake = collector.Collector(
            settings.lake_dir, writer, seal_every=settings.seal_seconds, sealing=collector.SealingProcess()
        )
        self.terms = purchases.OfferTermsCache(purchases.loader(self.db))
        waitlist = purchases.WaitlistHook(self.terms)
        self.intake = stock.Intake(dsn, on_refused=waitlist.join, capacity=settings.intake_queue)
        self.door = purchases.PurchaseGateway(db=self.db, intake=self.intake, terms=self.terms)
        self.rooms = rooms.Rooms(self.db, recent=chat.recent_lines)
        self.media = media.MediaServer(
            self.db,
            settings.recordings_dir,
            settings.rtmp_host,
            settings.rtmp_port,
            airtimes=wiring.airtimes(self.db),
            staff=wiring.StaffOfChannels(self.db),
            counter=CallbackCount(self.connections),
            box=secrets.box(settings),
            allowed=settings.fetchable,
        )
        self.pages = web.SharedPages()
        self.sitemaps = web.Sitemaps()
        self.payments, self.test_payments = wiring.payment_accounts(self.db, settings, lambda: self.public)
        self.follower = outbox.Follower(
            self.db,
            wiring.followers(self.db, self.rooms, self.terms, self.media, self.pages, self.sitemaps),
        )
        self.arrivals = outbox.Arrivals(dsn, channels=worker.CHANNELS)
        self.keyring: Keyring
        self.networks: Networks
        self.gateway: rooms.Gateway
        self.buy: purchases.PurchaseEndpoint

    @asynccontextmanager
    async def living(self) -> AsyncGenerator["Node"]:
        """Everything started, in the order in which it is needed; ended the other way round."""
        async with AsyncExitStack() as stack:
            await self.db.open()
            stack.push_async_callback(self.db.close)
            stack.push_async_callback(self.payments.close)
            await self.lake.start()
            stack.push_async_callback(self.lake.close)
            async with self.db.transaction() as tx:
                self.keyring = await load_keyring(tx)
            own = own_networks(self.settings.uncounted, public_host=self.public.host)
            self.networks = Networks(self.keyring.keys[self.keyring.current], own)
            self.door.networks = self.networks
            await self.intake.open()
            stack.push_async_callback(self.intake.close)
            stack.push_async_callback(self.door.close)
            self.buy = purchases.PurchaseEndpoint(
                self.door,
                self.keyring,
                secure=self.public.is_secure,
                origins=origins(self.settings),
                proxies=self.settings.proxies,
            )
            self.gateway = rooms.Gateway(
                self.rooms,
                read_shopper=lambda cookie: shoppers.read_shopper(self.keyring, cookie),
                handlers=wiring.room_handlers(self.db, self.rooms, self.lake, self.door.buy, self.pages),
                origins=origins(self.settings),
                proxies=self.settings.proxies,
            )
            await self.media.join(self.address, step_around=20)
            stack.push_async_callback(self.media.close)
            await self.follower.start()
            figures = telemetry.Telemetry(
                intake=self.intake,
                gateway=self.gateway,
                lake=self.lake,
                follower=self.follower,
                connections=self.connections,
                certificate=self.certificate,
            )
            REGISTRY.register(figures)
            stack.callback(REGISTRY.unregister, figures)
            async with background(
                self.arrivals.listen(), self.follower.run(self.arrivals), self.gateway.run()
            ):
                yield self
                await self.gateway.drain()

    def publish_to(self) -> str:
        """What cameras are told, whichever process on this data directory they reach."""
        host = self.settings.rtmp_host
        if public_address.reachable(host) != host:
            host = public_address.reachable(host) if self.settings.public is None else self.public.host
        return f"rtmp://{public_address.authority(host, self.media.camera_port)}/live"


@asynccontextmanager
async def background(*work: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    """Run `work` beside the block and end it with the block.  If one of it breaks, the block is left."""
    tasks = [asyncio.create_task(each) for each in work]
    owner = asyncio.current_task()

    def broke(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None and owner is not None:
            _log.critical("app.background_broke", exc_info=task.exception())
            owner.cancel()

    for task in tasks:
        task.add_done_callback(broke)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def origins(settings: Settings) -> frozenset[str]:
    return frozenset() if settings.public is None else frozenset({settings.public.origin})


def build(node: Node) -> ASGIApp:
    """One application: the raw doors by their path, pages and JSON for all the rest."""
    pages = FastAPI(
        title="Shopfloor",
        version=metadata.version("shopfloor"),
        docs_url=None,
        redoc_url=None,
        # By `specification`.
        openapi_url=None,
        # One type for each thing, whichever way it goes.
        separate_input_output_schemas=False,
    )
    http.install(
        pages,
        Services(
            db=node.db,
            public=node.public,
            settings=node.settings,
            networks=node.networks,
            named_by=shop_borders.named_by,
            publish_to=node.publish_to,
            parts=[
                part
                for part in (
                    node.keyring,
                    node.media,
                    node.rooms,
                    node.pages,
                    node.sitemaps,
                    node.certificate,
                    promotions.CodeGuard(),
                    promotions.Claims(node.db),
                    giveaways.Entries(node.db),
                    polls.Votes(node.db),
                    auctions.Bids(node.db),
                    orders.Checkouts(node.db),
                    node.payments,
                )
                if part is not None
            ],
        ),
    )
    for router in (probes, schemas.router, *(module.router for module in JSON), *web.routers()):
        add_routes(pages, router)
    http.lead_to_path_without_slash(pages)
    known = node.public if node.settings.serves_https else node.settings.public
    shoppers_api.install(pages, public=known)
    web.install(pages)
    specification.describe(
        pages,
        path="/v1/openapi.json",
        public=partial(route_access.public_operations, pages),
        cookie=accounts_api.SESSION_COOKIE,
    )
    route_access.check_every_route_is_decided(pages, public_paths={"/static"})
    router = PathRouter(
        pages,
        {
            "/buy": node.buy,
            "/e": collector.Endpoint(
                node.lake,
                viewer=lambda scope: shoppers.shopper_of(node.keyring, scope["headers"]),
                origins=origins(node.settings),
                partners=node.settings.collected_from,
            ),
            "/room/": rooms.room_endpoint(node.gateway),
            "/media/": below("/media", node.media.origin),
            "/pictures/": PictureFiles(node.settings.pictures_dir),
            "/static/": web.Files(pages),
            **(
                {}
                if node.test_payments is None
                else {"/test-payments/": below("/test-payments", node.test_payments.pages)}
            ),
        },
    )

    async def may_be_large(scope: Scope) -> int:
        return await largest_body(node.db, scope)

    return Edge(
        router,
        proxies=node.settings.proxies,
        may_be_large=may_be_large,
        page_of=partial(web.page_at_the_edge, pages),
    )


# Where files are sent, and who may send them: the only bodies above a megabyte.
_LARGE: Final = tuple(
    (re.compile(r"/(?:v1|console)/([^/]+)" + path), largest, permission)
    for permission, bodies in (
        (accounts.Permission.CATALOG_EDIT, catalog_api.LARGE_BODIES),
        (accounts.Permission.MONEY_MANAGE, LARGE_FAPIAO),
        (accounts.Permission.MEMBERS_MANAGE, LARGE_BRAND),
    )
    for path, largest in bodies.items()
)
_AROUND_A_FILE: Final = 64 * 1024
# What a buyer shows of a fault: all pictures of a form together.
_OF_BUYERS: Final = re.compile(r"/s/([^/]+)/orders/([0-9a-f-]{36})/return")
_PICTURES_OF_BUYERS: Final = 15 * 1024 * 1024


async def largest_body(db: Database, scope: Scope) -> int:
    """Bytes this request may send: a file from whoever may edit the catalogue, record fapiao or own the shop, pictures from whoever has the key of an
    order, else 0 for the usual.
    """
    bought = _OF_BUYERS.fullmatch(scope["path"])
    if bought is not None:
        key = Request(scope).query_params.get("key", "")
        with suppress(ValueError, Refusal):
            async with db.transaction() as tx:
                shop = await accounts.shop_by_slug(tx, bought[1])
                await orders.order_for_shopper(tx, shop_id=shop.id, order_id=UUID(bought[2]), key=key)
            return _PICTURES_OF_BUYERS + _AROUND_A_FILE
        return 0
    for pattern, largest, permission in _LARGE:
        found = pattern.fullmatch(scope["path"])
        if found is None:
            continue
        token = Request(scope).cookies.get(accounts_api.SESSION_COOKIE)
        async with db.transaction() as tx:
            actor = await auth.actor(tx, token, found[1])
        return largest + _AROUND_A_FILE if actor.may(permission) else 0
    return 0


def below(root: str, application: Any) -> ASGIApp:
    """`application`, told that it stands below `root`, as a mount would tell it."""

    async def mounted(scope: Scope, receive: Receive, send: Send) -> None:
        await application({**scope, "root_path": root}, receive, send)

    return mounted


class PathRouter:
    """Raw endpoints first, found by their path; a path that ends in `/` stands for all below it.

    They decide for themselves who may: the camera's playlist, pictures and purchases are for everybody.
    """

    def __init__(self, pages: ASGIApp, raw: Mapping[str, Any]) -> None:
        self._pages = pages
        self._exact = {path: app for path, app in raw.items() if not path.endswith("/")}
        self._below = {path: app for path, app in raw.items() if path.endswith("/")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path: str = scope["path"]
            found = self._exact.get(path) or self._below.get(path[: path.find("/", 1) + 1])
            if found is not None:
                await found(scope, receive, send)
                return
            if scope["method"] == "HEAD":
                # Pages know GET; the server leaves out the body.
                scope = {**scope, "method": "GET"}
        await self._pages(scope, receive, send)


JSON = (
    people_api, shops_api, catalog_import_api, catalog_api, stock_api, stock_control_api, media_api, live_api, run_of_show_api, rooms_api, chat_api, policies_api, order_lists_api, erasure_api, orders_api, payment_accounts_api, reconciliation_api, disputes_api, pricing_api, stock_safety_api,
    promotions_api, giveaways_api, polls_api, auctions_api, order_edits_api, returns_api, live_counters_api, reports_api, integrity_api, demand_api, supply_api, statements_api, customers_api, warehouse_api, invoicing_api,
    fapiao_api, messages_api, tills_api, till_device_api, stores_api, pickups_api, routing_api, dispatch_routing_api, dispatch_api,
)  # fmt: skip

probes = Router(include_in_schema=False)


@probes.get("/healthz")
@route_access.public
async def healthz(db: http.Db) -> Response:
    """200 while the database answers, else 503."""
    try:
        async with asyncio.timeout(3), db.transaction() as tx:
            await tx.value("SELECT 1")
    except TimeoutError as problem:
        raise DatabaseAway from problem
    return PlainTextResponse("ok\n")


@probes.get("/metrics")
@route_access.public
async def prometheus(request: Request, db: http.Db) -> Response:
    """Figures of this process for Prometheus, and the jobs of all; to the machine itself only."""
    if request.client is None or not is_own_machine(request.client.host):
        raise NotFound
    background = CollectorRegistry()
    with suppress(DatabaseAway):
        async with db.transaction() as tx:
            background.register(telemetry.Jobs(await queries.counts(tx)))
    return Response(generate_latest() + generate_latest(background), media_type=CONTENT_TYPE_LATEST)


class Server(uvicorn.Server):
    """Ends its connections at SIGTERM or SIGINT and leaves the rest to us.

    uvicorn raises the signal anew when its connections are closed, which would end the process while rooms, lake,
    camera port and database are still to be closed.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        # The other listener of the same process.
        self.also_stop: list[Server] = []

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        self.listen_to_signals()
        yield

    def listen_to_signals(self) -> None:
        """Before anybody is told that the shop is open: who stops it then would kill it and leave its database."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop, number)

    def _stop(self, number: int) -> None:
        for server in (self, *self.also_stop):
            server.handle_exit(number, None)


async def serve(
    settings: Settings, dsn: str, *, background_work: bool, ready: Callable[[str, Node, str | None], None]
) -> None:
    """Serve until SIGTERM or SIGINT; then answer who waits, and stop.  `ready` is told the true address."""
    listeners = listen(settings)
    writer = f"web-{socket.gethostname()}-{os.getpid()}"
    host, port = listeners.main.getsockname()[:2]
    if settings.local_https and host == "::":
        # What people type on a phone.
        host = "0.0.0.0"  # noqa: S104 -- stands for the address by which others reach us
    public = public_address.listening(host, port, secure=settings.serves_https)
    keeper = (
        certificates.Keeper(settings.certificates_dir, wanted_by(settings)) if settings.serves_https else None
    )
    node = Node(
        settings,
        dsn,
        writer=writer,
        address=near(listeners.plain or listeners.main),
        public=public,
        certificate=keeper,
    )
    async with node.living():
        application = build(node)
        # Tens of thousands of short-lived objects a second would make the collector walk the whole program
        # again and again: half of the time a purchase takes here.  What is loaded by now stays, with the little of it
        # that is rubbish: to look for that takes as long as to start the database.  Look less often.
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        gc.enable()
        async with node.db.transaction() as tx:
            claim = await auth.ensure_owner_claim(tx)
        work = (
            worker.loops(
                node.db, node.lake, node.arrivals, node.settings, node.payments.of, origin=node.public.origin
            )
            if background_work
            else ()
        )
        async with background(sweep(node.connections), *work):
            if keeper is None or listeners.plain is None:
                server = server_of(node, application)
                server.listen_to_signals()
                ready(node.public.origin, node, claim)
                await server.serve(sockets=[listeners.main])
            else:
                await serve_https(
                    node,
                    application,
                    keeper,
                    listeners.main,
                    listeners.plain,
                    lambda: ready(node.public.origin, node, claim),
                )


async def serve_https(
    node: Node,
    application: ASGIApp,
    keeper: certificates.Keeper,
    secure: socket.socket,
    plain: socket.socket,
    ready: Callable[[], None],
) -> None:
    """Both ports, the plain one first: over it the authority checks that the domain leads here."""
    own = node.public
    explains = node.settings.local_https
    beside = server_of(node, certificates.PlainPort(application, keeper, own, explains_trust=explains))
    server = server_of(
        node, certificates.SecurePort(application, keeper, own, node.settings.domains[1:]), keeper.context
    )
    beside.also_stop.append(server)
    server.also_stop.append(beside)
    async with background(keeper.run()):
        first = asyncio.create_task(beside.serve(sockets=[plain]))
        settled = asyncio.create_task(keeper.settled.wait())
        await asyncio.wait((settled, first), return_when=asyncio.FIRST_COMPLETED)
        settled.cancel()
        if not beside.should_exit:
            ready()
        await server.serve(sockets=[secure])
        beside.should_exit = True
        await first


def server_of(node: Node, application: ASGIApp, context: ssl.SSLContext | None = None) -> Server:
    """A server for one listener; with `context` over TLS.  All share one count of connections."""
    http_protocol: Any = make_guarded_protocol(
        purchases.make_http_protocol(node.buy),
        node.connections,
        node.settings.proxies,
        websockets={
            b"/media/": media.make_camera_protocol(
                node.media, origins=origins(node.settings), proxies=node.settings.proxies
            )
        },
    )
    if context is not None:
        http_protocol = make_tls_protocol(http_protocol, context, node.connections)
    config = uvicorn.Config(
        application,
        loop="none",
        http=http_protocol,
        ws=rooms.make_protocol(node.gateway),
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=10,
        backlog=4096,
        server_header=False,
        # The edge reads what proxies say; idle connections are let go by the client first.
        proxy_headers=False,
        timeout_keep_alive=int(IDLE_SECONDS),
    )
    return Server(config)


@dataclass(frozen=True, slots=True)
class Listeners:
    """`main` is what people use; `plain` stands beside it where that speaks TLS."""

    main: socket.socket
    plain: socket.socket | None = None


def listen(settings: Settings) -> Listeners:
    """The ports of the shop.  Raises CannotRun where https needs one that cannot be had."""
    if not settings.serves_https:
        return Listeners(take_port(settings.host, settings.port))
    host = settings.host
    if "host" not in settings.model_fields_set:
        host = "::" if socket.has_dualstack_ipv6() else "0.0.0.0"  # noqa: S104 -- a shop with https is for others
    usual = 443 if settings.domain else 8443
    main = take_exact_port(host, settings.port if "port" in settings.model_fields_set else usual)
    try:
        plain = take_exact_port(host, settings.plain_port)
    except CannotRun:
        main.close()
        raise
    return Listeners(main, plain)


def wanted_by(settings: Settings) -> Callable[[], certificates.Wanted]:
    """What the certificate must be good for, asked again and again: a local network may change."""
    if settings.local_https:
        return lambda: certificates.Wanted(
            source=certificates.Source.LOCAL,
            names=certificates.own_names(),
            addresses=certificates.own_addresses(),
        )
    wanted = certificates.Wanted(
        source=certificates.Source.DOMAIN,
        names=settings.domains,
        directory=certificates.directory_address(settings.acme_directory),
        email=settings.acme_email,
        ca_file=settings.acme_ca_file,
        terms_accepted=settings.acme_accept_terms,
    )
    return lambda: wanted


def run(settings: Settings, dsn: str, *, background: bool = True) -> None:
    """`shopfloor up` and `shopfloor web`, on a prepared database."""
    uvloop.run(serve(settings, dsn, background_work=background, ready=announce))
    # What was frozen while serving is let go, or libraries report it as leaked when the process ends.
    gc.unfreeze()


def https_lines(address: str, node: Node) -> list[str]:
    """What an operator must know of https, and what people's devices must be told."""
    if node.settings.is_behind_proxy:
        return [f"The proxy that serves {address} passes requests on to {node.address}"]
    if node.certificate is None:
        return []
    state = node.certificate.state
    lines: list[str] = []
    if state.problem is not None:
        again = "" if state.next_try_at is None else f" Next try at {state.next_try_at:%H:%M} UTC."
        lines.append(f"The certificate was not obtained: {state.problem.message}{again}")
    if node.settings.local_https:
        plain = public_address.parse(node.address).port
        host = public_address.authority(node.public.host, plain)
        lines.append(f"Devices learn to trust this shop at http://{host}{certificates.TRUST}")
        pem = node.certificate.store.authority()
        if pem is not None:
            der = ssl.PEM_cert_to_DER_cert(pem.decode())
            lines.append(f"The fingerprint of its certificate (SHA-256): {web.fingerprint(der)}")
    return lines


def announce(address: str, node: Node, claim: str | None) -> None:
    """What a person waits for; the address last, so that nothing is shown before it is true."""
    lines = [f"Cameras publish to {node.publish_to()}"]
    lines += https_lines(address, node)
    if claim is not None:
        lines.append(f"Nobody owns this node yet. Become its owner (works once): {address}/claim/{claim}")
    lines.append(f"Shopfloor is open at {address}")
    sys.stdout.write("\n".join([*lines, ""]))
    sys.stdout.flush()
