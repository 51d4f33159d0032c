"""What a push service takes: the example of RFC 8291, and a statement that its own key verifies (RFC 8292)."""

import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from shopfloor.push import encryption
from shopfloor.push.models import NotASubscription, Subscription, subscription, unpadded, written

# RFC 8291, 5 and appendix A.
PLAIN = b"When I grow up, I want to be a watermelon"
THEIRS = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
OUR_PRIVATE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_y"
    "l95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)
MOZILLA = "https://updates.push.services.mozilla.com/wpush/v2/abc"


def test_the_example_of_the_standard() -> None:
    body = encryption.encrypt(
        Subscription("https://push.example.net/push", unpadded(THEIRS), unpadded(AUTH)),
        PLAIN,
        salt=unpadded(SALT),
        key=ec.derive_private_key(int.from_bytes(unpadded(OUR_PRIVATE)), ec.SECP256R1()),
    )

    assert written(body) == BODY


def test_two_messages_of_the_same_words_differ() -> None:
    browser = Subscription(MOZILLA, unpadded(THEIRS), unpadded(AUTH))

    assert encryption.encrypt(browser, PLAIN) != encryption.encrypt(browser, PLAIN)


@pytest.mark.parametrize("plain", [b"x" * (encryption.MOST_BYTES + 1)])
def test_what_does_not_fit_is_not_sent(plain: bytes) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        encryption.encrypt(Subscription(MOZILLA, unpadded(THEIRS), unpadded(AUTH)), plain)


def test_a_point_on_no_curve_is_a_value_error() -> None:
    with pytest.raises(ValueError):  # noqa: PT011 -- the words are the library's
        encryption.encrypt(Subscription(MOZILLA, b"\x04" + b"\x01" * 64, unpadded(AUTH)), PLAIN)


def test_the_sender_is_named_in_a_statement_that_its_key_verifies() -> None:
    public, private = encryption.new_key()

    header = encryption.authorization(
        MOZILLA, private=private, public=public, contact="mailto:shop@shop.example", now=1_700_000_000
    )

    token, key = header.removeprefix("vapid t=").split(", k=")
    head, claims, signature = token.split(".")
    assert unpadded(key) == public
    assert json.loads(unpadded(head)) == {"typ": "JWT", "alg": "ES256"}
    assert json.loads(unpadded(claims)) == {
        "aud": "https://updates.push.services.mozilla.com",
        "exp": 1_700_043_200,
        "sub": "mailto:shop@shop.example",
    }
    raw = unpadded(signature)
    proof = utils.encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    verifier = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    verifier.verify(proof, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        verifier.verify(proof, f"{head}.{claims}x".encode(), ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize(
    "endpoint",
    [
        MOZILLA,
        "https://fcm.googleapis.com/fcm/send/abc:def",
        "https://web.push.apple.com/QNa",
        "https://wns2-par02p.notify.windows.com/w/?token=abc",
        "https://fcm.googleapis.com:443/wp/abc",
    ],
)
def test_a_push_service_is_known(endpoint: str) -> None:
    assert subscription(endpoint, THEIRS, AUTH).endpoint == endpoint


@pytest.mark.parametrize(
    ("endpoint", "point", "auth"),
    [
        ("http://fcm.googleapis.com/x", THEIRS, AUTH),
        ("https://fcm.googleapis.com.evil.example/x", THEIRS, AUTH),
        ("https://evilfcm.googleapis.com.example/x", THEIRS, AUTH),
        ("https://notpush.apple.com/x", THEIRS, AUTH),
        ("https://fcm.googleapis.com@127.0.0.1/x", THEIRS, AUTH),
        ("https://fcm.googleapis.com:22/x", THEIRS, AUTH),
        ("https://127.0.0.1/x", THEIRS, AUTH),
        ("https://[::1/x", THEIRS, AUTH),
        ("https://fcm.googleapis.com:x/", THEIRS, AUTH),
        ("ftp://fcm.googleapis.com/x", THEIRS, AUTH),
        ("", THEIRS, AUTH),
        ("https://fcm.googleapis.com/" + "x" * 1000, THEIRS, AUTH),
        ("https://fcm.googleapis.com/\u4e2d", THEIRS, AUTH),
        ("https://fcm.googleapis.com/a\nb", THEIRS, AUTH),
        (MOZILLA, THEIRS[:-4], AUTH),
        (MOZILLA, "A" + THEIRS[1:], AUTH),
        (MOZILLA, "*" * 87, AUTH),
        (MOZILLA, "", AUTH),
        (MOZILLA, THEIRS, AUTH + "AA"),
        (MOZILLA, THEIRS, "中"),
    ],
)
def test_what_a_stranger_types_leads_nowhere_else(endpoint: str, point: str, auth: str) -> None:
    with pytest.raises(NotASubscription):
        subscription(endpoint, point, auth)
