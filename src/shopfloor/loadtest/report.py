"""What a load test is asked for, and what it found."""

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """The mix.  `buys_per_second` 0: every buyer asks again as soon as it is answered.

    `carts` is the share of HTTP purchases with several lines, `taps_twice` the share that is sent twice.
    """

    show_id: int
    seconds: float = 10.0
    watchers: int = 100
    chat_per_second: float = 2.0
    buyers: int = 20
    socket_buyers: int = 20
    buys_per_second: float = 0.0
    carts: float = 0.1
    taps_twice: float = 0.05
    quantity: int = 1
    seed: int = 7

    @property
    def mix(self) -> str:
        pace = (
            f"{self.buys_per_second:g} purchases a second"
            if self.buys_per_second
            else "as fast as they are answered"
        )
        return (
            f"{self.watchers:,} watchers, {self.chat_per_second:g} chat lines a second, {self.buyers:,} buyers over HTTP and "
            f"{self.socket_buyers:,} over the socket, {pace}; {self.carts:.0%} carts of two or three lines over HTTP, "
            f"{self.taps_twice:.0%} tap twice; seed {self.seed}"
        )


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds."""

    count: int
    p50: float
    p95: float
    p99: float
    largest: float


@dataclass(frozen=True, slots=True)
class Report:
    """What came back.  `answers` by door and outcome; `latency` by door and by what was answered: "http held" beside
    "http refused", the tail of a sale.  `sold_out_after`: seconds until the first refusal for want of units.
    `on_sale` and `granted` are units.  `problems` are connections lost and what the audit of the answers found.
    """

    options: Options
    seconds: float
    answers: dict[str, dict[str, int]]
    per_second: dict[str, float]
    latency: dict[str, Latency]
    frames: int
    chat_sent: int
    asked_again: int
    tapped_twice: int
    on_sale: int
    granted: int
    sold_out_after: float | None
    problems: dict[str, int]

    @property
    def passed(self) -> bool:
        return not self.problems
