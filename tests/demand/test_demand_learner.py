"""The learner: exact arithmetic where there is some, and a simulator of another family where there is none."""

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.demand.simulator import show, styles

from shopfloor.demand import Assumptions, BadHorizon, BadSignal, Past, Reason, Signal, learn, say
from shopfloor.demand.learner import Gamma, Predictive, pay_rate, predictive, product_prior, variant_prior
from shopfloor.demand.models import SENTENCES

PAID = Assumptions(pay_rate=1.0, show_variation=0.0)
ONE = Signal(
    variant_id=1, product_id=1, options={"Size": "M"}, exposure_in_stock=1000.0, exposure_total=1000.0,
    units_held=9, units_paid=9,
)  # fmt: skip


def test_the_update_is_conjugate() -> None:
    assert Gamma(2.0, 100.0).seen(7, 400) == Gamma(9.0, 500.0)


def test_one_variant_alone_is_the_textbook_case() -> None:
    """Prior Gamma(1, 1000/9) from the pooled rate, then 9 units in 1000 seconds; the mean stays the pooled one."""
    [line] = learn([ONE], assumed=PAID)

    assert product_prior([(9, 1000.0)]) == Gamma(1.0, 1000.0 / 9)
    assert line.rate_per_hour == pytest.approx(3600 * 10 / (1000 / 9 + 1000), rel=1e-12)
    assert line.mean == pytest.approx(9.0, rel=1e-12)
    # NegBin(10, 1/(1+0.9)): P(N <= 3) = 0.0722…, P(N <= 4) = 0.1321…; P(N <= 14) = 0.8924…, P(N <= 15) = 0.9232…
    assert (line.low, line.high) == negbin_bounds(10, 9.0)


def negbin_bounds(shape: int, mean: float) -> tuple[int, int]:
    """By the definition, with binomial coefficients of integers."""
    fail = mean / (mean + shape)
    found: list[int] = []
    total, n = 0.0, 0
    while len(found) < 2:
        total += math.comb(n + shape - 1, n) * (1 - fail) ** shape * fail**n
        while len(found) < 2 and total >= (0.1, 0.9)[len(found)]:
            found.append(n)
        n += 1
    return found[0], found[1]


def test_the_prior_of_a_variant_has_the_variance_of_rate_times_share() -> None:
    """Gamma(4, 8) times Beta(2, 6): mean 1/8, squared coefficient of variation (1+1/4)(1+1/3) - 1 = 2/3."""
    found = variant_prior(Gamma(4.0, 8.0), 0.25, 8.0)

    assert found.mean == pytest.approx(0.125, rel=1e-12)
    assert 1 / found.shape == pytest.approx(2 / 3, rel=1e-12)


def test_the_predictive_is_negbin() -> None:
    belief = Gamma(10.0, 500.0)

    assert predictive(belief, 250.0, variation=0.0) == Predictive(mean=5.0, shape=pytest.approx(10.0))  # pyright: ignore[reportArgumentType]
    assert predictive(belief, 250.0, variation=0.1).shape == pytest.approx(1 / (1.1 * 1.1 * 1.1 - 1))


def test_quantiles_of_a_large_mean_agree_with_the_exact_ones() -> None:
    exact = Predictive(19_999.0, 12.0).quantiles((0.1, 0.5, 0.9))
    limit = Predictive(20_001.0, 12.0).quantiles((0.1, 0.5, 0.9))

    assert limit == pytest.approx(exact, rel=0.004)


def test_exposure_that_stops_with_stock_is_exact() -> None:
    """Thirty units in 30 % of the show are worth a hundred in the whole; thirty in the whole are thirty."""
    sold_out = replace(ONE, units_held=30, units_paid=30, exposure_in_stock=3000.0, exposure_total=10_000.0)
    never_out = replace(ONE, variant_id=2, product_id=2, units_held=30, units_paid=30,
                        exposure_in_stock=10_000.0, exposure_total=10_000.0)  # fmt: skip
    # Refusals are switched off for this case: with none seen, a visible button says "nobody came".
    blind = replace(PAID, refusal_visibility=1e-9)
    censored, plain = learn([sold_out, never_out], assumed=blind)

    assert censored.mean > 3 * plain.mean
    assert censored.evidence[1].code == "demand.sold_out"
    assert censored.evidence[1].facts == {"percent": 30}


def test_refusals_raise_what_is_foreseen_and_count_each_person_once() -> None:
    gone = replace(ONE, exposure_total=5000.0)
    other = replace(ONE, variant_id=2, product_id=2, exposure_in_stock=5000.0, exposure_total=5000.0,
                    units_held=40, units_paid=40)  # fmt: skip
    few = learn([replace(gone, refused_buyers=5), other], assumed=PAID)[0]
    many = learn([replace(gone, refused_buyers=60), other], assumed=PAID)[0]
    both = learn([replace(gone, refused_buyers=60, waitlist_units=60), other], assumed=PAID)[0]

    assert many.mean > few.mean
    assert both.rate_per_hour == many.rate_per_hour
    assert both.hard == 60


def test_waiting_units_are_hard_at_the_pay_rate() -> None:
    """Prior 17 of 20 and 3 of 20 held: pay rate (17 + 3) / (20 + 20) = 0.5; of 5 who wait, 3 count."""
    signal = replace(
        ONE, units_held=20, units_paid=3, exposure_total=2000.0, waitlist_units=5, refused_buyers=2
    )
    [line] = learn([signal], assumed=Assumptions())

    assert pay_rate([signal], Assumptions()) == 0.5
    assert line.hard == 3
    assert min(line.points) >= 3
    assert line.low >= 3


def test_open_holds_say_nothing_about_paying() -> None:
    signal = replace(ONE, units_held=20, units_paid=3, units_given_up=1)

    assert pay_rate([signal], Assumptions()) == pytest.approx(20 / 24)


def test_presale_units_without_a_lot_are_hard_at_face_value() -> None:
    plain = learn([ONE], assumed=PAID)[0]
    promised = learn([replace(ONE, presale_units=7)], assumed=PAID)[0]

    assert promised.hard == 7
    assert promised.mean == plain.mean + 7
    assert promised.points == tuple(point + 7 for point in plain.points)


def test_chat_moves_the_split_and_not_the_level() -> None:
    never = Signal(2, 1, {"Size": "L"}, 0.0, 1000.0, 0, 0)
    quiet = learn([ONE, never], assumed=PAID)
    asked = learn([ONE, replace(never, asks=12)], assumed=PAID)

    assert asked[1].mean > 1.5 * quiet[1].mean
    assert asked[0].mean < quiet[0].mean + 1.0


def test_a_size_that_sells_everywhere_is_expected_where_it_was_missing() -> None:
    goods = [
        Signal(p * 10 + v, p, {"Size": size}, 10_000.0, 10_000.0, units, units)
        for p in (1, 2, 3, 4)
        for v, (size, units) in enumerate((("S", 5), ("M", 30), ("L", 10)))
    ]
    unseen = [Signal(50 + v, 5, {"Size": size}, 0.0, 10_000.0, 0, 0) for v, size in enumerate("SML")]
    lines = {line.variant_id: line for line in learn([*goods, *unseen], assumed=PAID)}

    assert lines[51].mean > 1.5 * lines[50].mean
    assert {lines[v].reason for v in (50, 51, 52)} == {Reason.NEVER_IN_STOCK}


def test_what_cannot_be_known_is_said() -> None:
    never_shown = replace(
        ONE, variant_id=2, exposure_in_stock=0.0, exposure_total=0.0, units_held=0, units_paid=0
    )
    never_there = replace(never_shown, variant_id=3, exposure_total=1000.0)
    gone_at_once = replace(
        ONE, variant_id=4, product_id=2, exposure_in_stock=50.0, units_held=3, units_paid=3
    )
    lines = learn([ONE, never_shown, never_there, gone_at_once], assumed=PAID)

    assert [line.reason for line in lines] == [
        None, Reason.NEVER_EXPOSED, Reason.NEVER_IN_STOCK, Reason.STOCK_BELOW_CRITICAL,
    ]  # fmt: skip
    assert [line.identifiable for line in lines] == [True, False, False, False]
    assert lines[1].exposure == 1000.0
    assert lines[3].evidence[0].facts["stock"] == 3


def test_nothing_seen_foresees_nothing() -> None:
    assert learn([]) == []
    [line] = learn([Signal(1, 1, {}, 0.0, 0.0, 0, 0)])
    assert (line.mean, line.low, line.high, line.reason) == (0.0, 0, 0, Reason.NEVER_EXPOSED)


def test_shown_and_not_wanted_is_small_and_known() -> None:
    [line] = learn([replace(ONE, units_held=0, units_paid=0)], assumed=PAID)

    assert line.mean == pytest.approx(0.5 * 1.0 / 1.5, abs=0.2)
    assert line.low == 0
    assert line.identifiable


def test_history_narrows_the_interval() -> None:
    alone = learn([ONE], assumed=PAID)[0]
    known = learn([ONE], past=[Past(1, 1, 90.0, 10_000.0)], assumed=PAID)[0]

    assert known.high - known.low < alone.high - alone.low
    assert known.mean == pytest.approx(9.0, rel=0.02)


def test_the_horizon_scales_the_exposure() -> None:
    once, twice = (learn([ONE], assumed=PAID, horizon=h)[0] for h in (1.0, 2.0))

    assert twice.mean == pytest.approx(2 * once.mean)
    assert twice.exposure == 2000.0


@pytest.mark.parametrize("horizon", [0.0, -1.0, math.nan, math.inf, 101.0])
def test_a_horizon_out_of_bounds_is_refused(horizon: float) -> None:
    with pytest.raises(BadHorizon) as refused:
        learn([ONE], horizon=horizon)
    assert refused.value.code == "demand.bad_horizon"


@pytest.mark.parametrize(
    "bad",
    [
        replace(ONE, units_held=-1),
        replace(ONE, exposure_in_stock=1001.0),
        replace(ONE, exposure_total=math.nan),
        replace(ONE, exposure_total=math.inf),
        replace(ONE, waitlist_units=-5),
    ],
)
def test_a_signal_that_cannot_be_is_refused(bad: Signal) -> None:
    with pytest.raises(BadSignal) as refused:
        learn([bad])
    assert refused.value.code == "demand.bad_signal"


def test_one_variant_twice_is_refused() -> None:
    with pytest.raises(BadSignal):
        learn([ONE, ONE])


def test_rates_of_another_family_are_recovered() -> None:
    """Bursty shoppers, shows that vary, nothing sold out: over ten shows the expectation is the truth."""
    rng = np.random.default_rng(7)
    foreseen = truth = 0.0
    for _ in range(10):
        goods = styles(rng, 20, 4)
        foreseen += sum(line.mean for line in learn(show(rng, goods, stock=None).signals, assumed=PAID))
        truth += sum(style.rate for style in goods) * 120 * 300

    assert foreseen == pytest.approx(truth, rel=0.05)


def test_eight_of_ten_shows_fall_into_the_interval() -> None:
    """Coverage at the grain of decisions (a variant in the next show), over 20 pairs of shows of 12 styles."""
    rng = np.random.default_rng(11)
    inside = total = 0
    for _ in range(20):
        goods = styles(rng, 12, 4)
        foreseen = learn(show(rng, goods, stock=None).signals, assumed=Assumptions(pay_rate=1.0))
        coming = show(rng, goods, stock=None).wanted
        inside += sum(line.low <= coming[line.variant_id] <= line.high for line in foreseen)
        total += len(foreseen)

    assert 0.77 <= inside / total <= 0.90


def test_sold_out_variants_are_not_taken_for_unwanted_ones() -> None:
    """Twelve units each: sales stop at what there was.  The learner's bias is a fraction of the naive one."""
    rng = np.random.default_rng(3)
    naive = learnt = truth = 0.0
    for _ in range(10):
        goods = styles(rng, 12, 4)
        seen = show(rng, goods, stock=12)
        out = {s.variant_id for s in seen.signals if s.exposure_in_stock < s.exposure_total}
        expected = {
            style.product_id * 100 + v: style.rate * taste * 120 * 300
            for style in goods
            for v, taste in enumerate(style.tastes)
        }
        truth += sum(expected[v] for v in out)
        naive += sum(s.units_held for s in seen.signals if s.variant_id in out)
        learnt += sum(line.mean for line in learn(seen.signals, assumed=PAID) if line.variant_id in out)

    assert naive / truth - 1 < -0.5
    assert abs(learnt / truth - 1) < 0.15


def test_every_sentence_exists_in_both_languages() -> None:
    signal = replace(
        ONE,
        exposure_total=10_000.0,
        waitlist_units=3,
        refused_buyers=4,
        asks=2,
        presale_units=1,
        exposure_in_stock=50.0,
    )
    other = replace(ONE, variant_id=2, left_out=1, moved_out=1, moved_in=1)
    never = replace(ONE, variant_id=3, exposure_in_stock=0.0, units_held=0, units_paid=0)
    hidden = replace(never, variant_id=4, exposure_total=0.0)
    lines = learn([signal, other, never, hidden], past=[Past(1, 1, 1.0, 100.0)])
    said = {one.code: one for line in lines for one in line.evidence}

    assert set(said) == set(SENTENCES)
    for one in said.values():
        assert "{" not in say(one, "en") + say(one, "zh_CN")
        assert say(one, "en").isascii()
        assert not say(one, "zh_CN").isascii()
