"""Whether a text tells readers where to send money: an account, a card, or an address beside words of payment.  Pure."""

import html
import re
import unicodedata
from typing import Final

_IBAN: Final = re.compile(r"(?<![A-Z0-9])[A-Z]{2}[0-9]{2}(?:[ \-.]?[A-Z0-9]){11,30}(?![A-Z0-9])")
_DIGITS: Final = re.compile(r"[0-9](?:[\s\-–./_·,|]{0,3}[0-9])*")
_MARKUP: Final = re.compile(r"<[^<>]*>")
# In groups of three and more, with the first digits that cards have; sizes in a row have shorter ones.
_AS_ON_CARDS: Final = re.compile(r"(?<![0-9])[2-6][0-9]{2,}(?:[\s\-–.]?[0-9]{3,})*(?![0-9])")
_NO_DIGIT: Final = re.compile(r"[^0-9]")
# By when somebody pays, or between which hours they collect it.
_TIME: Final = re.compile(
    r"(?<![0-9])(?:(?:19|20)[0-9]{2}[-./][01]?[0-9][-./][0-3]?[0-9]|[0-3]?[0-9][-./][0-3]?[0-9][-./](?:19|20)[0-9]{2}"
    r"|[0-2]?[0-9][:.][0-5][0-9])(?![0-9])"
)
_ADDRESS: Final = re.compile(r"HTTPS?:|WWW\.|[^\s@]@[^\s@]")
# Latin words stand alone, but for endings; Chinese has no spaces between words.
_WORDS: Final = re.compile(
    r"\b(?:TRANSFER|ACCOUNT|BANK(?!ETT)|IBAN|BIC|SWIFT(?!LY)|PAYPAL|ALIPAY|WECHAT|VENMO|ZELLE|REVOLUT|USDT|BITCOIN|BTC"
    r"|CRYPTO|WIRE(?!LESS|FRAME)|REMIT|PAY(?!SAGE|LOAD|DAY)|KONTO|ÜBERWEIS|UEBERWEIS|ZAHL(?!REICH|LOS)|VIREMENT|COMPTE"
    r"|CUENTA|BONIFICO|CONTO(?!UR))"
    r"|转账|轉帳|汇款|匯款|打款|付款|支付|收款|账号|帐号|账户|帐户|帳戶|帳號|银行|銀行|卡号|卡號|支付宝|微信|户名|开户"
)
# Of an account in a country without IBAN, or a telephone number by which a wallet is known.
_FEWEST: Final = 8
# Barcodes have up to fourteen digits, and one in ten passes the check of a card.
_CARD: Final = range(15, 20)
_LETTER_A: Final = ord("A")


def names_account(text: str) -> bool:
    plain = _read(text)
    if any(_is_iban(found[0]) for found in _IBAN.finditer(plain)):
        return True
    numbers = [_NO_DIGIT.sub("", found[0]) for found in _DIGITS.finditer(_TIME.sub("·····", plain))]
    if any(len(number) in _CARD and _is_card(number) for number in numbers):
        return True
    if _WORDS.search(plain) is None:
        return False
    return any(len(number) >= _FEWEST for number in numbers) or _ADDRESS.search(plain) is not None


def proves_account(text: str) -> bool:
    """Only a number whose check digits say that it is an account or a card: for long texts, in which sizes, barcodes and
    addresses stand beside any word.  What stands between the digits as markup is left out.
    """
    plain = _read(_MARKUP.sub("", html.unescape(text)))
    if any(_is_iban(found[0]) for found in _IBAN.finditer(plain)):
        return True
    numbers = [_NO_DIGIT.sub("", found[0]) for found in _AS_ON_CARDS.finditer(plain)]
    return any(len(number) in _CARD and _is_card(number) for number in numbers)


def _read(text: str) -> str:
    return "".join(map(_plain, unicodedata.normalize("NFKC", text))).upper()


def _plain(sign: str) -> str:
    """Digits of any script as ours; nothing for what can't be seen."""
    if unicodedata.category(sign) in {"Cf", "Mn"}:
        return ""
    return str(unicodedata.decimal(sign)) if sign.isdecimal() else sign


def _is_iban(text: str) -> bool:
    """ISO 13616: the check digits.  What follows an account in its line may look like a part of it."""
    found = re.sub(r"[ \-.]", "", text)
    return any(_checks(found[:length]) for length in range(15, min(len(found), 34) + 1))


def _checks(iban: str) -> bool:
    moved = iban[4:] + iban[:4]
    return (
        int("".join(str(ord(sign) - _LETTER_A + 10) if sign.isalpha() else sign for sign in moved)) % 97 == 1
    )


def _is_card(number: str) -> bool:
    """ISO/IEC 7812-1, annex B."""
    total = 0
    for place, sign in enumerate(reversed(number)):
        digit = int(sign) * (1 + place % 2)
        total += digit - 9 if digit > 9 else digit
    return total % 10 == 0
