from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shopfloor.media.chunks import ABORT, AUDIO, SET_CHUNK_SIZE, VIDEO, ChunkReader, Message, cut
from shopfloor.media.models import BadStream

messages = st.builds(
    Message,
    type=st.sampled_from([AUDIO, VIDEO, 18, 20]),
    stream=st.integers(0, 5),
    timestamp=st.integers(0, 2**32 - 1) | st.sampled_from([0xFFFFFE, 0xFFFFFF, 0x1000000, 2**32 - 1]),
    payload=st.binary(max_size=600),
)


def read(data: bytes, *, pieces: int | None = None) -> list[Message]:
    reader = ChunkReader()
    found: list[Message] = []
    step = pieces or max(len(data), 1)
    for at in range(0, len(data), step):
        reader.feed(data[at : at + step])
        found += reader.messages()
    return found


def size_message(size: int) -> bytes:
    return cut(Message(SET_CHUNK_SIZE, 0, 0, size.to_bytes(4)), csid=2, chunk_size=128)


@given(st.lists(messages, max_size=6), st.sampled_from([1, 7, 128, 4096, 65_536]), st.integers(1, 50))
@settings(max_examples=60)
def test_messages_survive_any_chunk_size_and_any_cut_of_the_bytes(
    sent: list[Message], chunk_size: int, pieces: int
) -> None:
    data = size_message(chunk_size) + b"".join(cut(m, csid=4, chunk_size=chunk_size) for m in sent)

    assert read(data, pieces=pieces) == sent


@pytest.mark.parametrize("repeated", [True, False], ids=["as ffmpeg sends it", "as OBS sends it"])
@pytest.mark.parametrize("pieces", [1, 3, 10_000])
def test_extended_timestamps_with_and_without_repetition(repeated: bool, pieces: int) -> None:
    at = 16_800_000
    payload = bytes(range(256)) * 2
    extension = at.to_bytes(4)
    data = (
        b"\x04\xff\xff\xff" + len(payload).to_bytes(3) + b"\x09" + b"\x01\0\0\0" + extension + payload[:128]
    )
    for i in range(128, 512, 128):
        data += b"\xc4" + (extension if repeated else b"") + payload[i : i + 128]

    assert read(data * 2, pieces=pieces) == [Message(VIDEO, 1, at, payload)] * 2


def test_an_extended_delta_is_compared_with_the_field_not_with_the_time() -> None:
    delta = 0x0100_0000
    first = cut(Message(VIDEO, 1, 1000, b"a"), csid=4, chunk_size=128)
    payload = b"b" * 200
    second = b"\x44\xff\xff\xff" + (200).to_bytes(3) + b"\x09" + delta.to_bytes(4) + payload[:128]
    second += b"\xc4" + delta.to_bytes(4) + payload[128:]

    assert read(first + second) == [Message(VIDEO, 1, 1000, b"a"), Message(VIDEO, 1, 1000 + delta, payload)]


def test_fmt_3_without_an_unfinished_message_applies_the_delta_again() -> None:
    first = cut(Message(AUDIO, 1, 100, b"one"), csid=4, chunk_size=128)
    second = b"\x44" + (23).to_bytes(3) + (3).to_bytes(3) + b"\x08" + b"two"
    third = b"\xc4" + b"six"
    fourth = b"\x84" + (21).to_bytes(3) + b"ten"

    assert [(m.timestamp, m.payload) for m in read(first + second + third + fourth)] == [
        (100, b"one"),
        (123, b"two"),
        (146, b"six"),
        (167, b"ten"),
    ]


def test_time_wraps_at_32_bits() -> None:
    first = cut(Message(VIDEO, 1, 2**32 - 10, b"a"), csid=4, chunk_size=128)
    second = b"\x44" + (33).to_bytes(3) + (1).to_bytes(3) + b"\x09b"

    assert [m.timestamp for m in read(first + second)] == [2**32 - 10, 23]


def test_audio_and_video_interleave_on_two_chunk_streams() -> None:
    video, audio = Message(VIDEO, 1, 40, b"v" * 300), Message(AUDIO, 1, 41, b"a" * 150)
    v, a = cut(video, csid=6, chunk_size=128), cut(audio, csid=4, chunk_size=128)
    # Cut where chunks end: header of 12 bytes and 128 of payload, then 1 and the rest.
    mixed = v[:140] + a[:140] + v[140 : 140 + 129] + a[140:] + v[269:]

    assert read(mixed) == [audio, video]


@pytest.mark.parametrize(
    ("csid", "header"),
    [(64, b"\x00\x00"), (319, b"\x00\xff"), (320, b"\x01\x00\x01"), (65_599, b"\x01\xff\xff")],
)
def test_wide_chunk_stream_ids(csid: int, header: bytes) -> None:
    rest = b"\x00\x00\x05\x00\x00\x01\x08\x01\0\0\0x"

    assert read(header + rest, pieces=1) == [Message(AUDIO, 1, 5, b"x")]


@pytest.mark.parametrize(("asked", "taken"), [(0, 1), (1, 1), (2**31 - 1, 1 << 20), (2**31 + 5, 5)])
def test_chunk_sizes_are_clamped(asked: int, taken: int) -> None:
    reader = ChunkReader()
    reader.feed(size_message(asked))

    assert list(reader.messages()) == []
    assert reader.chunk_size == taken


def test_abort_drops_the_partial_message() -> None:
    unfinished = cut(Message(VIDEO, 1, 0, b"v" * 300), csid=6, chunk_size=128)[:140]
    abort = cut(Message(ABORT, 0, 0, (6).to_bytes(4)), csid=2, chunk_size=128)
    after = Message(VIDEO, 1, 5, b"whole")

    assert read(unfinished + abort + cut(after, csid=6, chunk_size=128)) == [after]


@pytest.mark.parametrize(
    "data",
    [
        b"\x04\0\0\0\xff\xff\xff\x09\x01\0\0\0",
        b"\xc4" + b"x" * 20,
        b"\x84\0\0\1" + b"x" * 20,
        b"".join(bytes([csid]) + b"\0\0\0\0\0\1\x08\1\0\0\0x" for csid in range(3, 64))
        + b"".join(bytes([0, i]) + b"\0\0\0\0\0\1\x08\1\0\0\0x" for i in range(10)),
        b"".join(bytes([csid]) + b"\0\0\0\x7f\xff\xff\x09\1\0\0\0" for csid in range(3, 40)),
    ],
    ids=[
        "message too long",
        "fmt 3 of nothing",
        "fmt 2 of nothing",
        "too many chunk streams",
        "header flood",
    ],
)
def test_what_no_publisher_sends_is_refused(data: bytes) -> None:
    with pytest.raises(BadStream):
        read(data + bytes(1_000_000))


def test_unfinished_messages_are_bounded_together() -> None:
    begun = [bytes([csid]) + b"\0\0\0\x7f\xff\xff\x09\1\0\0\0" + bytes(1 << 20) for csid in range(3, 40)]

    with pytest.raises(BadStream):
        read(size_message(1 << 20) + b"".join(begun))


@given(st.binary(max_size=2_000), st.integers(1, 100))
def test_random_bytes_give_messages_or_a_refusal(data: bytes, pieces: int) -> None:
    with suppress(BadStream):
        read(data, pieces=pieces)
