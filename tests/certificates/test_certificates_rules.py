"""When a certificate is due, how long to wait after a failure, what browsers are told, and what settings mean."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from shopfloor import status
from shopfloor.certificates import Certificate, Problem, Source, State, Wanted, acme_order, authority
from shopfloor.certificates.models import LETS_ENCRYPT_STAGING, directory_address, renewal
from shopfloor.certificates.store import Store, open_store
from shopfloor.kernel.settings import Settings, sentences

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
DIRECTORY = "https://authority.example/dir"


def held(**changes: Any) -> Certificate:
    given: dict[str, Any] = {
        "source": Source.DOMAIN, "names": ("shop.example", "www.shop.example"), "addresses": (), "issuer": "Authority",
        "not_before": NOW - timedelta(days=30), "not_after": NOW + timedelta(days=60), "renew_at": NOW + timedelta(days=30),
        "is_trusted": True, "directory": DIRECTORY,
    }  # fmt: skip
    return Certificate(**(given | changes))


def wanted(**changes: Any) -> Wanted:
    given: dict[str, Any] = {"source": Source.DOMAIN, "names": ("shop.example",), "directory": DIRECTORY}
    return Wanted(**(given | changes))


@pytest.mark.parametrize(
    ("certificate", "asked", "at", "due"),
    [
        (held(), wanted(), NOW, False),
        (held(), wanted(), NOW + timedelta(days=30), True),
        (held(), wanted(), NOW + timedelta(days=29, hours=23), False),
        (held(), wanted(names=("shop.example", "other.example")), NOW, True),
        # From staging to the real thing.
        (held(), wanted(directory="https://other.example/dir"), NOW, True),
        # A clock that was set back before it was signed.
        (held(), wanted(), NOW - timedelta(days=31), True),
        (held(source=Source.LOCAL, directory=""), wanted(), NOW, True),
    ],
)
def test_when_a_certificate_is_due(certificate: Certificate, asked: Wanted, at: datetime, due: bool) -> None:
    assert certificate.is_due(asked, at) is due


def test_it_is_renewed_after_two_thirds_of_its_life_or_earlier_where_the_authority_says_so() -> None:
    ends = NOW + timedelta(days=90)
    assert renewal(NOW, ends) == NOW + timedelta(days=60)
    assert renewal(NOW, ends, NOW + timedelta(days=10)) == NOW + timedelta(days=10)
    assert renewal(NOW, ends, NOW + timedelta(days=80)) == NOW + timedelta(days=60)
    assert renewal(NOW, ends, NOW - timedelta(days=10)) == NOW


def test_after_failures_it_waits_longer_and_longer_up_to_six_hours() -> None:
    state, pauses = State(), list[float]()
    for _ in range(8):
        state = state.failed(Problem(code="x", message="y"), NOW, jitter=1.0)
        assert state.next_try_at is not None
        pauses.append((state.next_try_at - NOW) / timedelta(minutes=1))
    assert pauses == [2, 6, 18, 54, 162, 360, 360, 360]
    assert state.failures == 8
    patient = State().failed(Problem(code="x", message="y", retry_after=7_200), NOW, jitter=1.0)
    assert patient.next_try_at == NOW + timedelta(hours=2)
    assert patient.succeeded(held(), NOW) == State(certificate=held(), tried_at=NOW)


def test_a_restart_tries_earlier_but_not_at_once_again() -> None:
    state = State(failures=5, tried_at=NOW, next_try_at=NOW + timedelta(hours=6))
    minute = timedelta(minutes=1)
    assert not state.may_try(NOW + 3 * minute)
    assert state.may_try(NOW + 3 * minute, at_start=True)
    assert not state.may_try(NOW + minute, at_start=True)
    assert state.may_try(NOW + timedelta(hours=6))
    # A clock that was set back keeps nobody waiting.
    assert state.may_try(NOW - timedelta(days=400))


def test_browsers_are_told_to_stay_no_longer_than_the_certificate_lasts() -> None:
    assert State(certificate=held()).hsts_seconds(NOW) == 60 * 86_400
    assert State(certificate=held()).hsts_seconds(NOW + timedelta(days=61)) == 0
    assert State(certificate=held(is_trusted=False)).hsts_seconds(NOW) == 0
    assert State(certificate=held(source=Source.LOCAL)).hsts_seconds(NOW) == 0
    assert State().hsts_seconds(NOW) == 0
    assert State(certificate=held(not_after=NOW + timedelta(days=4_000))).hsts_seconds(NOW) == 365 * 86_400


def chain_by(root_key: ec.EllipticCurvePrivateKey, *, names: list[str]) -> tuple[bytes, bytes]:
    """A leaf and its root, as a public authority makes them."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text)])

    def begun(subject: str, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(named(subject))
            .issuer_name(named("Root"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=89))
        )

    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"),
        False,
    )  # fmt: skip
    root = (
        begun("Root", root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=False, key_cert_sign=True, crl_sign=True, **usage), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        begun("Shop", key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False
        )
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return leaf.public_bytes(pem), root.public_bytes(pem)


def test_trust_is_what_the_roots_of_browsers_say() -> None:
    leaf, root = chain_by(ec.generate_private_key(ec.SECP256R1()), names=["shop.example"])
    _, stranger = chain_by(ec.generate_private_key(ec.SECP256R1()), names=[])
    assert acme_order.described(leaf, wanted(), roots=root).is_trusted is True
    assert acme_order.described(leaf, wanted(), roots=stranger).is_trusted is False
    assert acme_order.described(leaf, wanted()).is_trusted is False
    with pytest.raises(acme_order.Failed, match=r"does not cover other\.example"):
        acme_order.described(leaf, wanted(names=("shop.example", "other.example")), roots=root)


# The shop's own authority


def local(*addresses: str, names: tuple[str, ...] = ("localhost", "till", "till.local")) -> Wanted:
    return Wanted(source=Source.LOCAL, names=names, addresses=addresses)


def leaf_of(store: Store) -> x509.Certificate:
    return x509.load_pem_x509_certificates(Path(store.chain(Source.LOCAL)).read_bytes())[0]


def test_a_local_authority_signs_for_the_addresses_of_today_and_keeps_its_root(tmp_path: Path) -> None:
    store = open_store(tmp_path / "kept")
    first = authority.sign(local("127.0.0.1", "192.168.7.20"), store)
    root = store.authority()
    moved = local("127.0.0.1", "10.4.4.4", "fd00::9")
    assert first.is_due(moved, datetime.now(UTC))
    second = authority.sign(moved, store)
    assert not second.is_due(moved, datetime.now(UTC))
    names = leaf_of(store).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == [
        "127.0.0.1",
        "10.4.4.4",
        "fd00::9",
    ]
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "till", "till.local"]
    assert store.authority() == root
    assert root is not None
    assert b"PRIVATE" not in root
    assert second.not_after - second.not_before <= timedelta(days=91)
    assert second.is_trusted is False


def test_a_local_authority_can_vouch_for_nothing_on_the_internet(tmp_path: Path) -> None:
    store = open_store(tmp_path / "kept")
    authority.sign(local("192.168.7.20"), store)
    later = local("192.168.7.20", "203.0.113.9", names=("till", "bank.example"))
    made = authority.sign(later, store)
    assert (made.names, made.addresses) == (("till",), ("192.168.7.20",))
    assert set(made.left_out) == {"203.0.113.9", "bank.example"}
    # What it may not sign for is not tried again and again.
    assert not made.is_due(later, datetime.now(UTC))
    root = x509.load_pem_x509_certificate(store.authority() or b"")
    limits = root.extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(
        ca=True, path_length=0
    )


def test_a_network_that_gives_out_public_addresses_is_signed_for_by_address(tmp_path: Path) -> None:
    store = open_store(tmp_path / "kept")
    made = authority.sign(local("203.0.113.9"), store)
    assert made.addresses == ("203.0.113.9",)
    assert authority.sign(local("203.0.113.10"), store).addresses == ()


def test_challenges_are_answered_by_their_token_and_no_other_file_is_read(tmp_path: Path) -> None:
    store = open_store(tmp_path / "kept")
    token = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
    store.keep_answers({token: f"{token}.thumb"})
    store.keep_state(Source.LOCAL, State())
    assert store.answer(token) == f"{token}.thumb".encode()
    for other in ("", "../state/local.json", "..%2Fstate", "x" * 15, f"{token}/", f"{token}.json"):
        assert store.answer(other) is None
    with pytest.raises(ValueError, match="no token"):
        store.keep_answers({"../escape-from-the-directory": "x"})
    store.forget_answers({token: ""})
    assert store.answer(token) is None
    (tmp_path / "kept/state/local.json").write_text("{ not JSON")
    assert store.state(Source.LOCAL) == State()


# Settings


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"domain": "*.shop.example"}, "SHOPFLOOR_DOMAIN: '*.shop.example': a name with a star cannot be checked"),
        ({"domain": "https://shop.example"}, "SHOPFLOOR_DOMAIN: 'https://shop.example' is an address"),
        ({"domain": "192.168.1.5"}, "for a local network use --local-https"),
        ({"domain": "localhost"}, "'localhost' is no domain on the internet"),
        ({"domain": "shop example"}, "'shop' is no domain on the internet"),
        ({"domain": "sh_op!.example"}, "names no host that can exist"),
        ({"domain": "shop.example", "local_https": True}, "exclude each other"),
        ({"domain": "shop.example", "base_url": "https://other.example"}, "Leave out one of them."),
        ({"domain": "shop.example", "base_url": "http://shop.example"}, "Leave out one of them."),
        ({"acme_directory": "http://authority.example"}, "SHOPFLOOR_ACME_DIRECTORY: 'http://authority.example' is neither"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_a_sentence(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(**given)
    assert said in sentences(refused.value)


def test_what_the_settings_say_of_https() -> None:
    domain = Settings(domain="Shop.Example, www.shop.example shop.example", data_dir=Path("/nowhere"))
    assert domain.domains == ("shop.example", "www.shop.example")
    assert domain.public is not None
    assert domain.public.origin == "https://shop.example"
    assert (domain.serves_https, domain.is_behind_proxy, domain.plain_port) == (True, False, 80)
    assert Settings(domain="bücher.example").domains == ("xn--bcher-kva.example",)
    proxied = Settings(base_url="https://shop.example")
    assert (proxied.serves_https, proxied.is_behind_proxy) == (False, True)
    lan = Settings(local_https=True)
    assert (lan.serves_https, lan.public, lan.plain_port) == (True, None, 8_000)
    assert directory_address(" LetsEncrypt-Staging ") == LETS_ENCRYPT_STAGING
    assert directory_address(DIRECTORY) == DIRECTORY


def test_status_says_how_https_stands_without_a_process(tmp_path: Path) -> None:
    off = status.of_installation(Settings(data_dir=tmp_path))
    assert (off.https, off.is_well) == ("off", True)
    assert "docs/https.md" in status.lines(off)[-1]
    proxied = status.of_installation(Settings(data_dir=tmp_path, base_url="https://shop.example"))
    assert status.lines(proxied)[-1] == "HTTPS: by the proxy that serves https://shop.example."
    store = open_store(tmp_path / "certificates")
    ended = held(not_after=datetime(2026, 1, 2, 3, 4, tzinfo=UTC), is_trusted=False)
    problem = Problem(code="certificate.slow", message="Too slow.")
    store.keep_state(Source.DOMAIN, State(certificate=ended, failures=4, problem=problem))
    # As it was served last, also where it was an option of the command.
    found = status.of_installation(Settings(data_dir=tmp_path))
    assert (found.https, found.is_well, found.address) == ("domain", False, "https://shop.example")
    assert status.lines(found)[1:] == [
        "HTTPS: shop.example, www.shop.example",
        "Certificate by Authority, expired at 2026-01-02 03:04 UTC, to be renewed from 2026-12-29 12:00 UTC on",
        "Browsers do not trust this authority; a staging one is for trying out.",
        "Not renewed (4 tries, certificate.slow): Too slow.",
    ]
    assert json.loads(status.as_json(found))["certificate"]["failures"] == 4
