"""Our signatures, numbers and keys against what clients of others said of the same; always, without those clients."""

import json
from typing import Any

import pytest
from tests.payments.vectors import read

from shopfloor.payment_providers import keys
from shopfloor.payment_providers.alipay.signing import (
    certificate_number,
    read_notification,
    request_text,
    root_number,
)
from shopfloor.payment_providers.wechat.signing import authorization, bridge_parameters, opened

FILE = read()
ALIPAY: dict[str, Any] = FILE["alipay"]
WECHAT: dict[str, Any] = FILE["wechat"]


@pytest.mark.parametrize("each", ALIPAY["requests"], ids=lambda each: each["method"])
def test_a_request_to_alipay_is_signed_as_theirs(each: dict[str, str]) -> None:
    fields = {name: value for name, value in each.items() if name != "sign"}

    assert keys.sign(keys.read_private_key(ALIPAY["key"]), request_text(fields).encode()) == each["sign"]


@pytest.mark.parametrize("each", ALIPAY["notifications"], ids=lambda each: each["what"])
def test_a_notification_of_alipay_is_believed_where_they_believe_it(each: dict[str, Any]) -> None:
    found = read_notification(each["body"].encode(), keys.read_public_key(ALIPAY["public_key"]))

    assert (found is not None) == each["holds"]


def test_certificates_of_alipay_have_the_numbers_that_they_count() -> None:
    (own,), roots = keys.read_certificates(ALIPAY["certificate"]), keys.read_certificates(ALIPAY["roots"])

    assert (certificate_number(own), root_number(roots)) == (
        ALIPAY["certificate_number"],
        ALIPAY["root_number"],
    )
    # Of the file of roots only those count that sign with RSA.
    assert (len(roots), ALIPAY["root_number"].count("_")) == (3, 1)


def test_requests_and_pages_of_wechat_pay_are_signed_as_theirs() -> None:
    key = keys.read_private_key(WECHAT["key"])
    request, page = WECHAT["signatures"]
    method, target, at, nonce, body = request["lines"]
    said = authorization(
        mchid="1", serial="2", key=key, method=method, target=target, body=body, at=at, nonce=nonce
    )
    assert f'signature="{request["signature"]}"' in said
    appid, at, nonce, package = page["lines"]
    handed = bridge_parameters(
        appid=appid, prepay_id=package.removeprefix("prepay_id="), key=key, at=at, nonce=nonce
    )
    assert handed["paySign"] == page["signature"]


@pytest.mark.parametrize("each", WECHAT["encrypted"], ids=lambda each: each["associated_data"] or "none")
def test_what_they_encrypt_is_opened(each: dict[str, str]) -> None:
    resource = {"algorithm": "AEAD_AES_256_GCM", **each}

    assert opened(resource, WECHAT["api_key"].encode()).decode() == each["text"]


def test_the_file_is_as_it_is_written() -> None:
    assert json.loads(json.dumps(FILE)) == FILE
