"""Who counts as a viewer, and what is remembered of viewers."""

from uuid import UUID

from shopfloor.rooms.presence import WITHOUT_A_SOCKET, Audience, Beat, BeatKind, may_measure, total
from shopfloor.wiring import remembered

ANN, BOB = UUID(int=1), UUID(int=2)


def audience() -> Audience:
    a = Audience(1, 7, "p")
    a.feature(None, 0.0)
    return a


def watch(a: Audience, who: UUID, tab: object, start: float, seconds: int) -> list[Beat]:
    beats: list[Beat] = []
    for at in range(0, seconds + 1, 5):
        beats += a.beat(who, tab, playing=True, position=float(at), at=start + at)
    return beats


def test_a_socket_is_not_a_viewer_until_playback_advanced() -> None:
    a = audience()
    assert a.beat(ANN, 1, playing=True, position=3.0, at=100.0) == []
    assert a.count(100.0) == 0

    beats = a.beat(ANN, 1, playing=True, position=8.0, at=105.0)

    assert a.count(105.0) == 1
    assert [(beat.kind, beat.seconds, beat.at) for beat in beats] == [
        (BeatKind.ENTER, 0.0, 100.0),
        (BeatKind.HEARTBEAT, 5.0, 105.0),
    ]


def test_two_tabs_are_one_viewer_and_one_clock() -> None:
    a = audience()
    beats: list[Beat] = []
    for at in range(0, 31, 5):
        beats += a.beat(ANN, "one", playing=True, position=float(at), at=100.0 + at)
        beats += a.beat(ANN, "two", playing=True, position=50.0 + at, at=102.0 + at)

    assert a.count(132.0) == 1
    assert sum(beat.seconds for beat in beats) == 32.0


def test_a_paused_player_is_none() -> None:
    a = audience()
    for at in range(0, 60, 5):
        a.beat(ANN, 1, playing=False, position=4.0, at=100.0 + at)
        a.beat(BOB, 2, playing=True, position=4.0, at=100.0 + at)

    assert a.count(160.0) == 0


def test_a_tab_without_a_socket_is_forgotten_when_it_reports_no_longer() -> None:
    a = audience()
    assert next(beat.kind for beat in watch(a, ANN, WITHOUT_A_SOCKET, 100.0, 10)) is BeatKind.ENTER
    a.beat(BOB, WITHOUT_A_SOCKET, playing=False, position=0.0, at=100.0)
    assert (a.count(110.0), a.sweep(124.9)) == (1, [])

    left = a.sweep(125.0)

    assert [(beat.kind, beat.shopper, beat.at) for beat in left] == [(BeatKind.LEAVE, ANN, 110.0)]
    assert a.count(125.0) == 0
    assert a.everybody_leaves(125.0) == []
    assert a.beat(BOB, WITHOUT_A_SOCKET, playing=True, position=26.0, at=126.0) == [], "starts anew"


def test_who_changes_from_posts_to_a_socket_stays() -> None:
    a = audience()
    watch(a, ANN, WITHOUT_A_SOCKET, 100.0, 10)
    beats = watch(a, ANN, "socket", 112.0, 30)

    assert {beat.kind for beat in beats} == {BeatKind.HEARTBEAT}
    assert a.sweep(142.0) == []
    assert a.count(142.0) == 1


def test_a_viewer_who_stops_is_gone_after_fifteen_seconds_and_comes_back_as_a_new_stay() -> None:
    a = audience()
    first = watch(a, ANN, 1, 100.0, 20)
    assert a.count(134.9) == 1
    assert a.count(135.0) == 0

    left = a.sweep(135.0)
    again = watch(a, ANN, 1, 200.0, 10)

    assert [(beat.kind, beat.at) for beat in left] == [(BeatKind.LEAVE, 120.0)]
    assert a.count(210.0) == 1
    assert first[0].session != again[0].session


def test_a_jump_of_the_player_is_credited_with_the_time_that_passed() -> None:
    a = audience()
    a.beat(ANN, 1, playing=True, position=0.0, at=100.0)

    beats = a.beat(ANN, 1, playing=True, position=3600.0, at=105.0)

    assert beats[-1].seconds == 5.0


def test_a_player_that_jumped_back_is_credited_nothing() -> None:
    a = audience()
    watch(a, ANN, 1, 100.0, 10)

    assert a.beat(ANN, 1, playing=True, position=1.0, at=115.0) == []


def test_the_last_tab_closed_is_leaving() -> None:
    a = audience()
    watch(a, ANN, "one", 100.0, 10)
    watch(a, ANN, "two", 101.0, 10)

    assert a.gone(ANN, "one", 112.0) == []
    assert [beat.kind for beat in a.gone(ANN, "two", 112.0)] == [BeatKind.LEAVE]
    assert a.gone(ANN, "two", 112.0) == []
    assert a.count(112.0) == 0


def test_seconds_are_split_where_another_offer_was_featured() -> None:
    a = audience()
    a.beat(ANN, 1, playing=True, position=0.0, at=100.0)
    a.feature(3, 102.0)
    a.feature(4, 104.5)

    beats = a.beat(ANN, 1, playing=True, position=5.0, at=105.0)

    assert [(beat.offer_id, beat.seconds) for beat in beats if beat.kind == BeatKind.HEARTBEAT] == [
        (None, 2.0),
        (3, 2.5),
        (4, 0.5),
    ]


def test_five_hundred_sockets_without_playback_are_nobody() -> None:
    a = audience()
    for number in range(500):
        a.beat(UUID(int=number), number, playing=True, position=0.0, at=100.0)
        a.beat(UUID(int=number), number, playing=True, position=0.0, at=105.0)

    assert a.count(105.0) == 0


def test_a_process_that_died_is_not_counted_once_its_lease_ran_out() -> None:
    assert total([(10, 106.0), (5, 112.0)], 105.0) == 15
    assert total([(10, 106.0), (5, 112.0)], 106.0) == 5


def test_all_leave_at_the_end() -> None:
    a = audience()
    watch(a, ANN, 1, 100.0, 10)
    a.beat(BOB, 2, playing=True, position=0.0, at=110.0)

    assert [beat.shopper for beat in a.everybody_leaves(111.0)] == [ANN]
    assert a.count(111.0) == 0


def test_who_does_not_want_to_be_measured_is_counted_and_not_named() -> None:
    a = audience()
    for at in (100.0, 105.0):
        said = a.beat(ANN, 1, playing=True, position=at, at=at, named=False)
        a.beat(BOB, 2, playing=True, position=at, at=at)
    gone = a.gone(ANN, 1, 106.0)

    assert a.count(105.0) == 1
    assert [beat.kind for beat in (*said, *gone)] == [BeatKind.ENTER, BeatKind.HEARTBEAT, BeatKind.LEAVE]
    for beat in (*said, *gone):
        event = remembered(beat)
        assert (beat.shopper, event.viewer, event.session_id) == (None, None, beat.session)
        assert str(ANN) not in repr(event)


def test_a_browser_that_says_no_is_believed() -> None:
    for headers, may in (
        ([(b"user-agent", b"x")], True),
        ([(b"sec-gpc", b"1")], False),
        ([(b"accept", b"*/*"), (b"dnt", b"1")], False),
        ([(b"dnt", b"0")], True),
    ):
        assert may_measure(headers) is may
