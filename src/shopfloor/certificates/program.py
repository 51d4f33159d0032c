"""The process that makes one certificate and ends: what it needs is in no other process's memory.

`python -m shopfloor.certificates.program DIRECTORY` reads a `Wanted` from its input and prints a `Certificate` or a
`Problem`, as JSON.
"""

import os
import sys
from pathlib import Path

import msgspec

from shopfloor.certificates import acme_order, authority
from shopfloor.certificates.models import Certificate, Problem, Source, Wanted
from shopfloor.certificates.store import Store, open_store


class Answer(msgspec.Struct, omit_defaults=True):
    certificate: Certificate | None = None
    problem: Problem | None = None


def make(wanted: Wanted, store: Store) -> Answer:
    try:
        with store.files.exclusive("program.lock"):
            if wanted.source is Source.LOCAL:
                return Answer(certificate=authority.sign(wanted, store))
            return Answer(certificate=acme_order.order(wanted, store))
    except acme_order.Failed as failed:
        return Answer(problem=failed.problem)
    except OSError as problem:
        why = f"The certificate cannot be kept: {problem.strerror or problem}."
        return Answer(problem=Problem(code="certificate.disk", message=why))


if __name__ == "__main__":
    os.umask(0o077)
    given = msgspec.json.decode(sys.stdin.buffer.read(), type=Wanted)
    sys.stdout.buffer.write(msgspec.json.encode(make(given, open_store(Path(sys.argv[1])))))
