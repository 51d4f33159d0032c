"""The manifest on an object store: three processes' worth of committers at once, on a local S3 server.

Needs `moto[server]` and `boto3` (PyPI) on the path; nothing of them is used by the product.  Publishing is PutObject
with `If-None-Match: *`.  Says how many commits were lost or doubled (none may be) and what one took.  The last line
is JSON.

    python bench/lake_s3.py [commits of each]
"""

import json
import statistics
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from shopfloor.collector import manifest
from shopfloor.collector.manifest_objects import Line, SealedFile
from shopfloor.kernel.storage import AlreadyThere, Missing

if find_spec("moto") is None or find_spec("boto3") is None:
    print(json.dumps({"bench": "lake_s3", "skipped": "needs moto[server] and boto3"}))
    sys.exit(0)
# Not among the product's libraries, nor among those of its developers.
boto3: Any = import_module("boto3")
ClientError: Any = import_module("botocore.exceptions").ClientError
moto: Any = import_module("moto.server")

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
WRITERS = 3


@dataclass(frozen=True, slots=True)
class Bucket:
    """The verbs of `kernel.storage` in the terms of S3."""

    client: Any
    bucket: str

    def get(self, name: str, start: int = 0, length: int = -1) -> bytes:
        span = f"bytes={start}-" + ("" if length < 0 else str(start + length - 1))
        ranged = {"Range": span} if start or length >= 0 else {}
        try:
            return self.client.get_object(Bucket=self.bucket, Key=name, **ranged)["Body"].read()
        except self.client.exceptions.NoSuchKey as problem:
            raise Missing(name) from problem

    def put(self, name: str, data: bytes) -> None:
        self.client.put_object(Bucket=self.bucket, Key=name, Body=data)

    def publish(self, name: str, data: bytes) -> None:
        try:
            self.client.put_object(Bucket=self.bucket, Key=name, Body=data, IfNoneMatch="*")
        except ClientError as problem:
            if problem.response["ResponseMetadata"]["HTTPStatusCode"] in {409, 412}:
                raise AlreadyThere(name) from problem
            raise

    def names(self, prefix: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", ())]

    def size(self, name: str) -> int | None:
        try:
            return self.client.head_object(Bucket=self.bucket, Key=name)["ContentLength"]
        except ClientError:
            return None

    def delete(self, name: str) -> None:
        self.client.delete_object(Bucket=self.bucket, Key=name)

    def settle(self, folder: str) -> None:
        """What was published is durable."""

    @contextmanager
    def exclusive(self, name: str) -> Generator[None]:
        yield

    def location(self, name: str) -> str:
        return f"s3://{self.bucket}/{name}"

    def sweep(self) -> int:
        return 0


def line(writer: str, number: int) -> Line:
    file = SealedFile(f"events/hour=2026-01-01T00/{writer}-{number:08d}.parquet", "ab" * 32, 100, 3, MOMENT, MOMENT, [1])  # fmt: skip
    return Line(writer, number, MOMENT, 10, 0, 3, 3, 0, 0, [file], [], "")


def main() -> None:
    each = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    server = moto.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()

    def store() -> Bucket:
        client = boto3.client(
            "s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="a"
        )  # fmt: skip
        return Bucket(client, "lake")

    store().client.create_bucket(Bucket="lake")
    took: list[float] = []

    def commit(writer: str) -> None:
        own = store()
        for number in range(1, each + 1):
            begin = time.perf_counter()
            with manifest.sealing(own) as known:
                manifest.append(own, line(writer, number), known)
            took.append(time.perf_counter() - begin)

    threads = [threading.Thread(target=commit, args=(f"w{number}",)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [str(one.id) for one in manifest.read(store())]
    wanted = {
        str(line(f"w{writer}", number).id) for writer in range(WRITERS) for number in range(1, each + 1)
    }
    broken = manifest.verify_chain(store())
    server.stop()
    figures = {
        "bench": "lake_s3", "commits": len(lines), "lost": len(wanted - set(lines)), "doubled": len(lines) - len(set(lines)),
        "chain_broken": len(broken), "median_ms": round(statistics.median(took) * 1e3, 1),
    }  # fmt: skip
    print(json.dumps(figures))
    sys.exit(0 if lines and not (figures["lost"] or figures["doubled"] or broken) else 1)


if __name__ == "__main__":
    main()
