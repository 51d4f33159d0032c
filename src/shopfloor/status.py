"""How an installation stands, read from its data directory: also while nothing runs."""

from datetime import UTC, datetime
from importlib import metadata
from typing import Literal

import msgspec

from shopfloor import certificates
from shopfloor.kernel.records import dataclass
from shopfloor.kernel.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """`https` is where TLS ends.  `certificate` is how that stands where it ends here, or did last."""

    version: str
    data_dir: str
    https: Literal["domain", "local", "proxy", "off"]
    address: str | None
    certificate: certificates.State | None
    is_well: bool


def of_installation(settings: Settings) -> Status:
    source = _source(settings)
    state = None
    if source is not None:
        state = certificates.Store(certificates.files_at(settings.certificates_dir)).state(source)
    https = source.value if source else "proxy" if settings.is_behind_proxy else "off"
    return Status(
        version=metadata.version("shopfloor"),
        data_dir=str(settings.data_dir),
        https=https,
        address=_address(settings, state),
        certificate=state,
        is_well=state is None or state.is_serving,
    )


def _source(settings: Settings) -> certificates.Source | None:
    """As the settings say, else as the options of `up` said: what was served last is on the disk."""
    if settings.local_https:
        return certificates.Source.LOCAL
    if settings.domain:
        return certificates.Source.DOMAIN
    if settings.is_behind_proxy:
        return None
    return certificates.last_used(settings.certificates_dir)


def _address(settings: Settings, state: certificates.State | None) -> str | None:
    if settings.public is not None:
        return settings.public.origin
    if (
        state is not None
        and state.certificate is not None
        and state.certificate.source is certificates.Source.DOMAIN
    ):
        return f"https://{state.certificate.names[0]}"
    return None


def lines(found: Status) -> list[str]:
    said = [f"Shopfloor {found.version}, data in {found.data_dir}"]
    if found.https == "off":
        return [
            *said,
            "HTTPS: off. Cameras in the browser, notifications and scanners need it; see docs/https.md.",
        ]
    if found.https == "proxy":
        return [*said, f"HTTPS: by the proxy that serves {found.address}."]
    state = found.certificate
    assert state is not None
    held = state.certificate
    if held is None:
        said.append("HTTPS: no certificate yet.")
    else:
        now = datetime.now(UTC)
        ends = f"{held.not_after:%Y-%m-%d %H:%M} UTC"
        left = (held.not_after - now).days
        until = f"good until {ends} ({left} days)" if held.not_after > now else f"expired at {ends}"
        said += [
            f"HTTPS: {', '.join([*held.names, *held.addresses])}",
            f"Certificate by {held.issuer}, {until}, to be renewed from {held.renew_at:%Y-%m-%d %H:%M} UTC on",
        ]
        if held.left_out:
            said.append(f"Not covered: {', '.join(held.left_out)}; our authority may not sign for them.")
        if held.source is certificates.Source.DOMAIN and not held.is_trusted:
            said.append("Browsers do not trust this authority; a staging one is for trying out.")
    if state.problem is not None:
        said.append(f"Not renewed ({state.failures} tries, {state.problem.code}): {state.problem.message}")
    if state.next_try_at is not None:
        said.append(f"Next try at {state.next_try_at:%Y-%m-%d %H:%M} UTC")
    return said


def as_json(found: Status) -> str:
    return msgspec.json.encode(found).decode()
