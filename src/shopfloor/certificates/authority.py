"""The authority of one shop for its local network: a root that people's devices are told to trust, and leaves of it.

The root may sign for addresses and names of local networks only; who steals it can pass for no site of the internet.
"""

import socket
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shopfloor.certificates.acme_order import private_pem
from shopfloor.certificates.models import Certificate, Source, Wanted, renewal
from shopfloor.certificates.store import AUTHORITY, AUTHORITY_CERTIFICATE, Store

ROOT_LIFE: Final = timedelta(days=3_650)
LEAF_LIFE: Final = timedelta(days=90)
# A device whose clock is a little behind must not find it too young.
BEFORE: Final = timedelta(hours=12)
LOCAL_NETWORKS: Final = tuple(
    ip_network(each)
    for each in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10",
                 "::1/128", "fc00::/7", "fe80::/10")
)  # fmt: skip
LOCAL_NAMES: Final = ("localhost", "local", "lan", "home.arpa", "internal")


def sign(wanted: Wanted, store: Store) -> Certificate:
    """A leaf for what is wanted, as far as the root may sign for it; the root is made where there is none."""
    key, root = _root(store, wanted)
    names = tuple(name for name in wanted.names if _may_sign_name(root, name))
    addresses = tuple(each for each in wanted.addresses if _may_sign_address(root, ip_address(each)))
    now = datetime.now(UTC)
    leaf_key = ec.generate_private_key(ec.SECP256R1())
    alternatives = [
        *(x509.DNSName(name) for name in names),
        *(x509.IPAddress(ip_address(each)) for each in addresses),
    ]
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Shopfloor")]))
        .issuer_name(root.subject)
        .public_key(leaf_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BEFORE)
        .not_valid_after(now + LEAF_LIFE)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(leaf_key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    store.keep_chain(
        Source.LOCAL, private_pem(leaf_key) + leaf.public_bytes(serialization.Encoding.PEM) + _pem(root)
    )
    return Certificate(
        source=Source.LOCAL,
        names=names,
        addresses=addresses,
        left_out=tuple({*wanted.names, *wanted.addresses} - {*names, *addresses}),
        issuer=str(root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        renew_at=renewal(leaf.not_valid_before_utc, leaf.not_valid_after_utc),
        is_trusted=False,
    )


def _root(store: Store, wanted: Wanted) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    try:
        kept = store.files.get(AUTHORITY)
    except FileNotFoundError:
        return _new_root(store, wanted)
    key = serialization.load_pem_private_key(kept, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    root = x509.load_pem_x509_certificate(kept)
    if root.not_valid_after_utc < datetime.now(UTC) + LEAF_LIFE:
        return _new_root(store, wanted)
    return key, root


def _new_root(store: Store, wanted: Wanted) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    called = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Shopfloor"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Shopfloor on {socket.gethostname()}"[:64]),
        ]
    )
    # Some networks give out public addresses: this machine's present ones, and no others.
    own = (ip_network(each) for each in wanted.addresses)
    further = [each for each in own if not _is_within(each.network_address, LOCAL_NETWORKS)]
    permitted = [
        *(x509.DNSName(name) for name in dict.fromkeys([*LOCAL_NAMES, *wanted.names])),
        *(x509.IPAddress(network) for network in (*LOCAL_NETWORKS, *further)),
    ]
    root = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BEFORE)
        .not_valid_after(now + ROOT_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(
            x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=None), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    store.files.put(AUTHORITY, private_pem(key) + _pem(root))
    store.files.put(AUTHORITY_CERTIFICATE, _pem(root))
    return key, root


def _may_sign_name(root: x509.Certificate, name: str) -> bool:
    allowed = [each.value for each in _permitted(root) if isinstance(each, x509.DNSName)]
    return any(name == each or name.endswith(f".{each}") for each in allowed)


def _may_sign_address(root: x509.Certificate, address: IPv4Address | IPv6Address) -> bool:
    networks = [each.value for each in _permitted(root) if isinstance(each, x509.IPAddress)]
    return _is_within(address, [each for each in networks if isinstance(each, IPv4Network | IPv6Network)])


def _permitted(root: x509.Certificate) -> list[x509.GeneralName]:
    return root.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []


def _is_within(address: IPv4Address | IPv6Address, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=signs, crl_sign=signs, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
