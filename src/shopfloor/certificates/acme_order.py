"""One certificate of a public authority: account, order, challenge by HTTP, key and chain.  Blocks for seconds.

Run by `certificates.program` only: the libraries it needs are loaded in a process that ends afterwards.
"""

import hashlib
import json
import warnings
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import certifi
import requests
from acme import challenges, client, errors, messages
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, VerificationError
from cryptography.x509.verification import Store as Roots
from josepy import jwa, jwk

from shopfloor.certificates.models import Certificate, Problem, Source, Wanted, renewal
from shopfloor.certificates.store import Store

ANSWER_SECONDS: Final = 30
NONCES: Final = 3
VALIDATION: Final = timedelta(seconds=120)


class Failed(Exception):
    """No certificate; `problem` says why."""

    def __init__(self, code: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.problem = Problem(code=code, message=message, retry_after=retry_after)


def order(wanted: Wanted, store: Store) -> Certificate:
    """Obtain a certificate and keep it.  Raises Failed."""
    try:
        for _ in range(NONCES):
            # The library asks again once; busy authorities forget more than one in a row.
            with suppress(_BadNonce):
                return _once(wanted, store)
        return _order(wanted, store)
    except errors.ValidationError as problem:
        raise Failed("certificate.not_validated", _why_not_validated(problem)) from problem
    except messages.Error as problem:
        raise _refused(problem) from problem
    except errors.TimeoutError as problem:
        raise Failed("certificate.slow", "The authority did not decide within two minutes.") from problem
    except (errors.Error, requests.RequestException) as problem:
        raise Failed(
            "certificate.authority_away", f"The authority at {wanted.directory} cannot be used: {problem}"
        ) from problem


class _BadNonce(Exception):
    """The authority no longer knows the number that a request had to carry: the same again has another."""


def _once(wanted: Wanted, store: Store) -> Certificate:
    try:
        return _order(wanted, store)
    except messages.Error as problem:
        if problem.code == "badNonce":
            raise _BadNonce from problem
        raise


def _order(wanted: Wanted, store: Store) -> Certificate:
    account_key = _account_key(wanted.directory, store)
    network = client.ClientNetwork(
        account_key,
        alg=jwa.ES256,
        verify_ssl=wanted.ca_file or True,  # pyright: ignore[reportArgumentType] -- handed on to requests
        user_agent=f"shopfloor/{metadata.version('shopfloor')}",
        timeout=ANSWER_SECONDS,
    )
    directory = client.ClientV2.get_directory(wanted.directory, network)
    terms: str | None = getattr(directory.meta, "terms_of_service", None)
    if terms and not wanted.terms_accepted:
        raise Failed(
            "certificate.terms",
            f"The authority asks you to accept its terms: {terms} "
            "Read them, then start with --accept-terms or SHOPFLOOR_ACME_ACCEPT_TERMS=true.",
        )
    authority = client.ClientV2(directory, network)
    _use_account(authority, wanted, accepted=terms is not None and wanted.terms_accepted)
    key = ec.generate_private_key(ec.SECP256R1())
    pending: Any = authority.new_order(_request(key, wanted.names))
    answers: dict[str, str] = {}
    asked: list[tuple[Any, Any]] = []
    for authorization in pending.authorizations:
        if authorization.body.status == messages.STATUS_VALID:
            continue
        challenge = next(
            (each for each in authorization.body.challenges if isinstance(each.chall, challenges.HTTP01)),
            None,
        )
        if challenge is None:
            raise Failed(
                "certificate.no_http_challenge",
                f"The authority offers no check by HTTP for {authorization.body.identifier.value}.",
            )
        response, validation = challenge.response_and_validation(account_key)
        answers[challenge.chall.encode("token")] = validation
        asked.append((challenge, response))
    store.keep_answers(answers)
    try:
        for challenge, response in asked:
            authority.answer_challenge(challenge, response)
        # The library compares with the naive local time.
        done = authority.poll_and_finalize(pending, datetime.now() + VALIDATION)  # noqa: DTZ005
    finally:
        store.forget_answers(answers)
    chain = done.fullchain_pem.encode()
    suggested: datetime | None = None
    with suppress(errors.Error, messages.Error, requests.RequestException):
        suggested, _ = authority.renewal_time(chain)
    found = described(chain, wanted, suggested)
    store.keep_chain(Source.DOMAIN, private_pem(key) + chain)
    return found


def described(
    chain: bytes, wanted: Wanted, suggested: datetime | None = None, *, roots: bytes | None = None
) -> Certificate:
    """What a chain says, and whether browsers trust it as it is; `roots` are those of browsers unless given."""
    leaf, *between = x509.load_pem_x509_certificates(chain)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    given = tuple(names.get_values_for_type(x509.DNSName))
    missing = sorted(set(wanted.names) - set(given))
    if missing:
        raise Failed("certificate.names", f"The certificate does not cover {', '.join(missing)}.")
    if suggested is not None and suggested.tzinfo is None:
        suggested = suggested.astimezone(UTC)
    return Certificate(
        source=Source.DOMAIN,
        names=given,
        addresses=(),
        issuer=_organisation(leaf.issuer),
        not_before=leaf.not_valid_before_utc,
        not_after=leaf.not_valid_after_utc,
        renew_at=renewal(leaf.not_valid_before_utc, leaf.not_valid_after_utc, suggested),
        is_trusted=_is_trusted(leaf, between, wanted.names, roots),
        directory=wanted.directory,
    )


def _is_trusted(
    leaf: x509.Certificate, between: list[x509.Certificate], names: tuple[str, ...], roots: bytes | None
) -> bool:
    trusted = _roots(Path(certifi.where()).read_bytes() if roots is None else roots)
    try:
        for name in names:
            PolicyBuilder().store(Roots(trusted)).build_server_verifier(x509.DNSName(name)).verify(
                leaf, between
            )
    except VerificationError:
        return False
    return True


def _roots(pem: bytes) -> list[x509.Certificate]:
    """Those that can be read: some old roots are not as today's rules want them."""
    found: list[x509.Certificate] = []
    for block in pem.split(b"-----BEGIN CERTIFICATE-----")[1:]:
        with suppress(ValueError), warnings.catch_warnings(action="ignore"):
            found.append(x509.load_pem_x509_certificate(b"-----BEGIN CERTIFICATE-----" + block))
    return found


def _organisation(name: x509.Name) -> str:
    for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        for each in name.get_attributes_for_oid(kind):
            return str(each.value)
    return name.rfc4514_string()


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _request(key: ec.EllipticCurvePrivateKey, names: tuple[str, ...]) -> bytes:
    asked = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .add_extension(asked, critical=False)
    )
    return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _account_key(directory: str, store: Store) -> Any:
    """The key of the account at this authority; each has its own."""
    name = f"account/{hashlib.sha256(directory.encode()).hexdigest()[:16]}.json"
    try:
        kept = json.loads(store.files.get(name))
    except FileNotFoundError:
        key = jwk.JWKEC(key=ec.generate_private_key(ec.SECP256R1()))
        store.files.put(name, json.dumps({"directory": directory, "key": key.to_json()}).encode())
        return key
    return jwk.JWKEC.from_json(kept["key"])


def _use_account(authority: client.ClientV2, wanted: Wanted, *, accepted: bool) -> None:
    """The account of our key: made where there is none yet."""
    asked = messages.NewRegistration.from_data(email=wanted.email, terms_of_service_agreed=accepted or None)
    try:
        authority.new_account(asked)
    except errors.ConflictError as there:
        authority.net.account = messages.RegistrationResource(
            uri=there.location, body=messages.Registration()
        )


def _why_not_validated(problem: errors.ValidationError) -> str:
    failed: list[Any] = list(problem.failed_authzrs)
    said = [
        f"{authorization.body.identifier.value}: {challenge.error.detail}"
        for authorization in failed
        for challenge in authorization.body.challenges
        if challenge.error is not None
    ]
    return (
        f"The authority could not check the domain. {' '.join(said)} "
        "The name must lead to this machine, and port 80 must reach it from the internet."
    )


def _refused(problem: messages.Error) -> Failed:
    said = problem.detail or problem.description or problem.typ
    if problem.code == "rateLimited":
        return Failed("certificate.rate_limited", f"The authority asks for patience: {said}", 3_600.0)
    return Failed("certificate.refused", f"The authority refused: {said}")
