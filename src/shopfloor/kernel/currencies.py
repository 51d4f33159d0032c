"""The currencies of ISO 4217 and how many decimals each has: the one table that amounts are read and shown by.

Locale data (CLDR, so Babel and browsers) show some currencies with fewer decimals than ISO 4217 gives them, because
cash of that size is not in use.  An amount written with one table and read with the other is off by a factor of 100
or 1,000, so every reader and every page uses this one.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_NONE: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_TWO: Final = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP "
    "CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES "
    "KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK "
    "NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB "
    "TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD XCG YER ZAR ZMW ZWG"
)
_THREE: Final = "BHD IQD JOD KWD LYD OMR TND"

DECIMALS: Final[Mapping[str, int]] = MappingProxyType(
    {code: decimals for codes, decimals in ((_TWO, 2), (_NONE, 0), (_THREE, 3)) for code in codes.split()}
)
"""Decimals by currency code."""

MARKS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "$": "ARS AUD BBD BMD BND BSD BZD CAD CLP COP CUP CVE DOP FJD GYD HKD JMD KYD LRD MOP MXN NAD NIO NZD SBD SGD "
        "SRD TOP TTD TWD USD UYU WST XCD ZWG",
        "US$": "USD", "A$": "AUD", "AU$": "AUD", "C$": "CAD NIO", "CA$": "CAD", "HK$": "HKD", "NT$": "TWD", "S$": "SGD",
        "NZ$": "NZD", "MX$": "MXN", "R$": "BRL", "MOP$": "MOP",
        "EC$": "XCD", "CN¥": "CNY", "JP¥": "JPY", "FCFA": "XAF XOF", "F CFA": "XAF XOF", "CFPF": "XPF", "FCFP": "XPF", "Cg.": "XCG",
        "€": "EUR", "£": "EGP FKP GBP GIP LBP SDG SHP SSP SYP", "¥": "CNY JPY", "RMB": "CNY", "元": "CNY HKD MOP TWD",
        "圆": "CNY", "块": "CNY", "円": "JPY", "圓": "HKD TWD", "₩": "KPW KRW", "원": "KRW", "₽": "RUB", "руб": "RUB",
        "руб.": "RUB", "₹": "INR", "₨": "INR LKR MUR NPR PKR SCR", "Rs": "INR LKR MUR NPR PKR SCR",
        "Rs.": "INR LKR MUR NPR PKR SCR", "₫": "VND", "đ": "VND", "฿": "THB", "₺": "TRY", "TL": "TRY", "₪": "ILS",
        "₱": "PHP", "₦": "NGN", "₴": "UAH", "₸": "KZT", "₼": "AZN", "₾": "GEL", "₡": "CRC", "₲": "PYG", "₭": "LAK",
        "₮": "MNT", "₵": "GHS", "৳": "BDT", "៛": "KHR", "֏": "AMD", "؋": "AFN", "﷼": "IRR OMR QAR SAR YER", "zł": "PLN",
        "kr": "DKK ISK NOK SEK", "kr.": "DKK ISK NOK SEK", "Kč": "CZK", "Ft": "HUF", "Fr": "CHF", "Fr.": "CHF",
        "SFr.": "CHF", "RM": "MYR", "Rp": "IDR", "S/": "PEN", "lei": "MDL RON", "R": "ZAR",
    }
)  # fmt: skip
"""Marks that people write with amounts, and the currencies that each may stand for."""
