"""What an operator may set.  What a merchant changes lives in the database.

Every setting has a name in the environment (`SHOPFLOOR_…`), a default and a sentence; `docs/settings.md` is
generated from here and a test holds them equal.
"""

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shopfloor.kernel import client_address, public_address, secrets


def default_data_dir() -> Path:
    """Where everything is kept unless told otherwise.

    The database server refuses to run as root and is run as another user then, who could not reach a home
    directory: for root it is a directory of the system.
    """
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/shopfloor")
    return Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share")) / "shopfloor"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="SHOPFLOOR_", extra="ignore")

    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Directory for everything that is kept: database, lake, recordings, pictures.",
    )
    database_url: str | None = Field(
        default=None,
        description="A PostgreSQL (15 or newer) of your own; without it Shopfloor runs an embedded one in the data directory.",
    )
    database_pool: int = Field(
        default=8, ge=2, le=64, description="Database connections each process keeps open."
    )
    host: str = Field(default="127.0.0.1", description="Address the shop listens on; 0.0.0.0 for all.")
    port: int = Field(
        default=8000,
        ge=0,
        le=65535,
        description="Port of the shop; the next free one is taken when it is busy.",
    )
    rtmp_host: str = Field(
        default="127.0.0.1", description="Address the camera (RTMP) port listens on; 0.0.0.0 for all."
    )
    rtmp_port: int = Field(
        default=1935, ge=0, le=65535, description="Port for OBS or ffmpeg (RTMP); 0 takes any free one."
    )
    base_url: str | None = Field(
        default=None,
        description="Public address of the shop, as in https://shop.example; used in links, cookies and the check of where a request comes from.",
    )
    domain: str = Field(
        default="",
        description="Names to serve HTTPS for, as in shop.example, with a certificate obtained and renewed by ACME; the first is the public address.",
    )
    local_https: bool = Field(
        default=False,
        description="Serve HTTPS on the local network, with certificates of an authority of this shop's own that devices are told to trust.",
    )
    http_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="Port without TLS beside HTTPS, for the authority's check and to lead to HTTPS; 80 for a domain, 8000 on a local network.",
    )
    acme_directory: str = Field(
        default="letsencrypt",
        description="The authority: letsencrypt, letsencrypt-staging for trying out, or the address of an ACME directory.",
    )
    acme_email: str | None = Field(
        default=None, description="Where the authority may write to about the certificate."
    )
    acme_accept_terms: bool = Field(
        default=False, description="Whether you have read and accept the terms of the authority."
    )
    acme_ca_file: str | None = Field(
        default=None,
        description="Certificates (PEM) by which an authority of your own is recognised, when no public one signed its address.",
    )
    trusted_proxies: str = Field(
        default="127.0.0.1, ::1",
        description="Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed.",
    )
    fetch_networks: str = Field(
        default="",
        description="Private networks that addresses typed by merchants (pictures of an import, mail servers, webhooks, other platforms) may lead to, as in 10.0.0.0/8; public addresses always may.",
    )
    drand_relays: str = Field(
        default="https://api.drand.sh https://drand.cloudflare.com",
        description="Where the public random value of giveaways is fetched, the first that answers; what it says is checked by its signature. `local`: a beacon of this installation for demonstrations, whose draws say that they prove nothing.",
    )
    own_networks: str = Field(
        default="",
        description="Addresses or networks of your own, such as a shop floor's: their purchases count towards no network's share of unpaid units. While the public address is this machine's own, this machine is one of them.",
    )
    log_format: Literal["console", "json"] = Field(
        default="console", description="How log lines are written."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The least level that is logged."
    )
    development: bool = Field(
        default=False,
        description="Show pages for those who work on Shopfloor, such as /design with all components.",
    )
    intake_queue: int = Field(
        default=20_000,
        ge=1,
        description="Purchases that may wait in one process before a buyer is told to try again.",
    )
    collector_origins: str = Field(
        default="",
        description="Other sites of yours whose pages may report events with the script /e.js, as in https://blog.example, separated by commas.",
    )
    seal_seconds: float = Field(
        default=10.0, gt=0, description="How often the collector turns its log into Parquet files."
    )

    smtp_url: str = Field(
        default="",
        repr=False,
        description="The mail server that carries messages, as in smtp://user:password@mail.shop.example:587 (STARTTLS), smtps:// (TLS) or smtp+plain:// (without, on an own network); a shop may name its own in the console. Without any, messages are kept in the console and sent to nobody.",
    )
    mail_from: str = Field(
        default="",
        description="The address messages come from, as in orders@shop.example; needed with a mail server.",
    )
    secrets_key: str = Field(
        default="",
        repr=False,
        description="The key (32 bytes in Base64) that encrypts what shops keep secret, such as passwords of their accounts elsewhere; several, separated by commas, while it is changed, the new one first. Without it a key is kept in the data directory.",
    )

    backup_dir: Path | None = Field(
        default=None,
        description="Where backups are kept, best on another disk; while it is set, the background work takes them by itself.",
    )
    backup_hours: float = Field(
        default=24.0, gt=0, le=24 * 366, description="How many hours after the last backup the next is taken."
    )
    backup_keep: int = Field(
        default=7, ge=0, description="How many backups are kept when another one is taken; 0 keeps all."
    )
    backup_passphrase_file: Path | None = Field(
        default=None,
        description="A file with the passphrase that seals signing keys and certificates in backups; without it they are left out.",
    )

    test_payments: bool = Field(
        default=False,
        description="Let shops connect test payments, with which buyers pay without money: for trying out, never for a shop that sells.",
    )

    @field_validator("secrets_key")
    @classmethod
    def _are_keys(cls, value: str) -> str:
        secrets.keys_of(value)
        return value

    @field_validator("domain")
    @classmethod
    def _are_domains(cls, value: str) -> str:
        return ",".join(dict.fromkeys(_domain(part) for part in value.replace(",", " ").split()))

    @field_validator("acme_directory")
    @classmethod
    def _is_a_directory(cls, value: str) -> str:
        given = value.strip()
        if given in {"letsencrypt", "letsencrypt-staging"} or given.startswith("https://"):
            return given
        raise ValueError(
            f"'{value}' is neither letsencrypt nor letsencrypt-staging nor an address that begins with https://."
        )

    @model_validator(mode="after")
    def _one_way_to_https(self) -> Self:
        if self.domain and self.local_https:
            raise ValueError(
                "Serve a domain or the local network, not both: --domain and --local-https exclude each other."
            )
        if (
            self.domain
            and self.public is not None
            and (self.public.scheme, self.public.host) != ("https", self.domains[0])
        ):
            raise ValueError(
                f"SHOPFLOOR_BASE_URL says {self.public.origin}, the domain says https://{self.domains[0]}. Leave out one of them."
            )
        return self

    @field_validator("base_url")
    @classmethod
    def _one_address(cls, value: str | None) -> str | None:
        return None if not value or not value.strip() else public_address.parse(value).origin

    @field_validator("collector_origins")
    @classmethod
    def _are_addresses(cls, value: str) -> str:
        parts = value.replace(",", " ").split()
        return ",".join(dict.fromkeys(public_address.parse(part).origin for part in parts))

    @field_validator("trusted_proxies", "fetch_networks", "own_networks")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        client_address.networks(value)
        return value

    @property
    def public(self) -> public_address.PublicAddress | None:
        """Where people reach the shop, as far as the settings say it."""
        if self.base_url is not None:
            return public_address.parse(self.base_url)
        if self.domain:
            port = self.port if "port" in self.model_fields_set else 443
            return public_address.PublicAddress("https", self.domains[0], None if port in {0, 443} else port)
        return None

    @property
    def collected_from(self) -> tuple[str, ...]:
        """Other sites whose pages may report events, as browsers say it in `Origin`."""
        return tuple(self.collector_origins.split(",")) if self.collector_origins else ()

    @property
    def domains(self) -> tuple[str, ...]:
        return tuple(self.domain.split(",")) if self.domain else ()

    @property
    def serves_https(self) -> bool:
        """Whether TLS ends in this process."""
        return bool(self.domain) or self.local_https

    @property
    def plain_port(self) -> int:
        """The port without TLS where another one has it."""
        return self.http_port if self.http_port is not None else 80 if self.domain else 8000

    @property
    def is_behind_proxy(self) -> bool:
        """Whether people come by https, and something before us serves it."""
        return not self.serves_https and self.public is not None and self.public.is_secure

    @property
    def proxies(self) -> tuple[client_address.Network, ...]:
        return client_address.networks(self.trusted_proxies)

    @property
    def fetchable(self) -> tuple[client_address.Network, ...]:
        return client_address.networks(self.fetch_networks)

    @property
    def uncounted(self) -> tuple[client_address.Network, ...]:
        return client_address.networks(self.own_networks)

    @property
    def archive_dir(self) -> Path:
        return self.data_dir / "archive"

    @property
    def lake_dir(self) -> Path:
        return self.data_dir / "lake"

    @property
    def recordings_dir(self) -> Path:
        return self.data_dir / "recordings"

    @property
    def pictures_dir(self) -> Path:
        return self.data_dir / "pictures"

    @property
    def certificates_dir(self) -> Path:
        return self.data_dir / "certificates"

    @property
    def statements_dir(self) -> Path:
        return self.data_dir / "statements"

    @property
    def secrets_dir(self) -> Path:
        return self.data_dir / "secrets"


def _domain(text: str) -> str:
    """A name that an authority can check.  Raises ValueError with a sentence for the operator."""
    if "://" in text or "/" in text or ":" in text:
        raise ValueError(f"'{text}' is an address; name the domain alone, as in shop.example.")
    if text.startswith("*"):
        raise ValueError(f"'{text}': a name with a star cannot be checked over HTTP; name each domain.")
    name = public_address.parse(f"https://{text}").host
    if "." not in name or name.replace(".", "").isdigit():
        raise ValueError(
            f"'{text}' is no domain on the internet, as in shop.example; for a local network use --local-https."
        )
    return name


def sentences(problem: ValidationError) -> str:
    """What is wrong with the settings, for the operator: one line for each."""
    return "\n".join(
        (f"SHOPFLOOR_{str(error['loc'][0]).upper()}: " if error["loc"] else "")
        + error["msg"].removeprefix("Value error, ")
        for error in problem.errors()
    )


__all__ = ["Settings", "ValidationError", "default_data_dir", "sentences"]
