"""Keys, certificates, answers to challenges and how things stand: files of the data directory, the user's alone."""

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from shopfloor.certificates.models import Source, State
from shopfloor.kernel import storage
from shopfloor.kernel.records import dataclass

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,256}")
AUTHORITY: Final = "local/authority.pem"
AUTHORITY_CERTIFICATE: Final = "local/authority.crt"
_CLOSED: Final = 0o700


@dataclass(frozen=True, slots=True)
class Store:
    files: storage.Storage

    def state(self, source: Source) -> State:
        """What was kept; nothing where it is missing or not to be read."""
        with suppress(FileNotFoundError, msgspec.DecodeError):
            return msgspec.json.decode(self.files.get(f"state/{source}.json"), type=State)
        return State()

    def keep_state(self, source: Source, state: State) -> None:
        self.files.put(f"state/{source}.json", msgspec.json.encode(state))

    def chain(self, source: Source) -> str:
        """Where the key and the certificates behind it are: one file, so that they always belong together."""
        return self.files.location(f"{source}/served.pem")

    def version(self, source: Source) -> int:
        """Another number when what is served was replaced."""
        try:
            return Path(self.chain(source)).stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def keep_chain(self, source: Source, key_and_chain: bytes) -> None:
        self.files.put(f"{source}/served.pem", key_and_chain)

    def answer(self, token: str) -> bytes | None:
        """What to say to the authority that asks for this token."""
        if _TOKEN.fullmatch(token):
            with suppress(FileNotFoundError):
                return self.files.get(f"challenges/{token}")
        return None

    def keep_answers(self, answers: Mapping[str, str]) -> None:
        for token, answer in answers.items():
            if not _TOKEN.fullmatch(token):
                raise ValueError(f"no token of a challenge: {token!r}")
            self.files.put(f"challenges/{token}", answer.encode())

    def forget_answers(self, tokens: Mapping[str, str]) -> None:
        for token in tokens:
            self.files.delete(f"challenges/{token}")

    def authority(self) -> bytes | None:
        """The certificate of the local authority, in PEM."""
        with suppress(FileNotFoundError):
            return self.files.get(AUTHORITY_CERTIFICATE)
        return None


def open_store(directory: Path) -> Store:
    """The store at a directory, which is made and closed to others."""
    storage.make_directory(directory)
    directory.chmod(_CLOSED)
    return Store(storage.of(directory))


def files_at(directory: Path) -> storage.Storage:
    """What is at a directory, for reading; nothing is made."""
    return storage.of(directory)


def last_used(directory: Path) -> Source | None:
    """For which source something was kept last; None where this installation never served https."""
    kept: dict[Source, float] = {}
    for source in Source:
        with suppress(FileNotFoundError, PermissionError):
            kept[source] = (directory / f"state/{source}.json").stat().st_mtime
    return max(kept, key=lambda source: kept[source], default=None)
