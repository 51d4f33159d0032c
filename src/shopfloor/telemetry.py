"""What a process tells Prometheus of itself, read from its parts when it is asked."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector as Source

from shopfloor import certificates, collector, rooms, stock
from shopfloor.kernel.connections import Connections
from shopfloor.kernel.jobs import Phase
from shopfloor.kernel.jobs.queries import Counted
from shopfloor.kernel.outbox import Follower


class Telemetry(Source):
    """Counters count from the start of the process; gauges are of the moment."""

    def __init__(
        self,
        *,
        intake: stock.Intake,
        gateway: rooms.Gateway,
        lake: collector.Collector,
        follower: Follower,
        connections: Connections,
        certificate: certificates.Keeper | None = None,
    ) -> None:
        self._intake = intake
        self._gateway = gateway
        self._lake = lake
        self._follower = follower
        self._connections = connections
        self._certificate = certificate

    def collect(self) -> Iterable[Metric]:
        figures = asdict(self._intake.figures)
        largest = figures.pop("largest_batch")
        yield _counters("shopfloor_intake", "What became of purchases, and batches of them", figures)
        yield _gauge("shopfloor_intake_largest_batch", "Most purchases decided in one transaction", largest)
        yield _gauge("shopfloor_intake_waiting", "Purchases that wait for their batch", self._intake.waiting)
        yield _gauge(
            "shopfloor_connections",
            "Open connections of every kind, cameras among them",
            len(self._connections),
        )
        yield _counters(
            "shopfloor_connections_turned_away",
            "Connections that found no room, or gave up theirs",
            asdict(self._connections.figures),
        )
        yield _gauge("shopfloor_room_sockets", "Open pages on the room stream", len(self._gateway.sockets))
        yield _gauge("shopfloor_rooms", "Rooms this process has open", len(self._gateway.channels))
        yield _counters("shopfloor_collector", "Events by what became of them", asdict(self._lake.counters))
        yield _gauge("shopfloor_outbox_position", "Last fact this process has shown", self._follower.position)
        if self._certificate is not None:
            yield from _of_certificate(self._certificate)


def _of_certificate(keeper: certificates.Keeper) -> Iterable[Metric]:
    held = keeper.state.certificate
    yield _gauge(
        "shopfloor_certificate_expires_timestamp_seconds",
        "When the certificate that is served ends, in seconds since 1970; 0 while there is none",
        0.0 if held is None else held.not_after.timestamp(),
    )
    yield _gauge(
        "shopfloor_certificate_failures",
        "Tries in a row that brought no new certificate",
        keeper.state.failures,
    )
    yield CounterMetricFamily(
        "shopfloor_certificate_renewals", "Certificates obtained by this process", value=keeper.renewals
    )


class Jobs(Source):
    """What the whole installation has to do in the background; `failed` has been given up and waits for somebody."""

    def __init__(self, counts: Sequence[Counted]) -> None:
        self._counts = {each.phase: each.jobs for each in counts}

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily("shopfloor_jobs", "Jobs by how far they are", labels=["phase"])
        for phase in Phase:
            family.add_metric([phase.value], self._counts.get(phase, 0))
        yield family


def _counters(name: str, words: str, values: dict[str, Any]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, words, labels=["what"])
    for what, value in values.items():
        family.add_metric([what], value)
    return family


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=value)
