"""Frames as FLV tags, as RTMP carries them (Adobe, Video File Format Specification 10.1, annex E).  Pure.

`kind` is VIDEO or AUDIO; a payload is a tag without its header.  H.264 is length-prefixed units, AAC raw frames.
"""

from typing import Final

from shopfloor.media.chunks import VIDEO

# Key frame or other, AVC; what follows is parameters (0) or a frame (1), then the composition time.
_KEY, _OTHER = 0x17, 0x27
# AAC; 44 kHz, 16 bits, stereo are what this byte says of any AAC.
_AAC: Final = 0xAF


def picture_parameters(record: bytes) -> bytes:
    return bytes((_KEY, 0, 0, 0, 0)) + record


def picture(data: bytes, *, key: bool) -> bytes:
    return bytes((_KEY if key else _OTHER, 1, 0, 0, 0)) + data


def sound_parameters(record: bytes) -> bytes:
    return bytes((_AAC, 0)) + record


def sound(data: bytes) -> bytes:
    return bytes((_AAC, 1)) + data


def is_parameters(kind: int, payload: bytes) -> bool:
    """Of AVC or AAC: a server needs them before the first frame."""
    if len(payload) < 2 or payload[1] != 0:
        return False
    return payload[0] & 0x0F == 7 if kind == VIDEO else payload[0] >> 4 == 10


def is_key_frame(kind: int, payload: bytes) -> bool:
    return kind == VIDEO and len(payload) > 1 and payload[0] >> 4 == 1 and payload[1] == 1
