"""The words that stand on paper, in both languages."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Final

from babel import Locale, dates, numbers

from shopfloor.kernel import addresses
from shopfloor.kernel.currencies import DECIMALS

WORDS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "en": MappingProxyType({
            "invoice": "Invoice", "credit_note": "Credit note", "receipt": "Receipt", "packing_slip": "Packing slip",
            "pick_list": "Pick list", "number": "Number", "date": "Date", "order": "Order", "ordered_on": "Order date",
            "supplied_on": "Supplied on", "invoice_number": "Invoice", "paid_on": "Paid on", "method": "Payment",
            "item": "Item", "quantity": "Qty", "price": "Unit price", "tax": "Tax", "amount": "Amount",
            "goods": "Goods", "discount": "Discount", "shipping": "Shipping", "total": "Total",
            "including": "including {tax}", "plus": "plus {tax}", "credited": "Total credited", "paid": "Paid",
            "refunded": "Refunded", "net": "Net", "rate": "Rate", "tax_table": "Tax summary", "seller": "Seller",
            "bill_to": "Bill to", "tax_number": "Tax number", "registration": "Registration", "sku": "SKU",
            "deliver_to": "Deliver to", "pick_up": "Pickup", "parcel": "Parcel", "of": "{n} of {all}",
            "note": "Note from the customer", "units": "Units", "parcels": "Parcels", "from": "From", "to": "To",
            "weight": "Weight", "other_parcels": "The rest of your order comes separately.", "location": "Location",
            "picked": "Picked", "thanks": "Thank you for your order.", "reason": "Reason", "page": "Page",
            "fapiao_code": "Request a fapiao with this code:", "show": "Show", "to_pick": "To pick", "transfer": "Bank transfer", "cash": "Cash",
            "return": "Return", "stick_on": "Stick this part on the parcel.",
            "put_in": "Put this part into the parcel.", "return_to": "Return to",
            "too_small": "Too small", "too_large": "Too large", "changed_mind": "Changed my mind",
            "arrived_late": "Arrived too late", "not_as_described": "Not as described", "defective": "Defective",
            "damaged_in_transit": "Arrived damaged", "wrong_item": "Wrong item", "parts_missing": "Parts are missing",
            "other": "Another reason",
        }),
        "zh": MappingProxyType({
            "invoice": "账单", "credit_note": "红字账单", "receipt": "收据", "packing_slip": "装箱单", "pick_list": "拣货单",
            "number": "编号", "date": "日期", "order": "订单", "ordered_on": "下单日期", "supplied_on": "供货日期",
            "invoice_number": "对应账单", "paid_on": "付款日期", "method": "付款方式", "item": "商品", "quantity": "数量",
            "price": "单价", "tax": "税率", "amount": "金额", "goods": "商品", "discount": "优惠", "shipping": "运费",
            "total": "合计", "including": "含 {tax}", "plus": "另计 {tax}", "credited": "冲红合计", "paid": "已付",
            "refunded": "已退", "net": "不含税金额", "rate": "税率", "tax_table": "税额明细", "seller": "卖家",
            "bill_to": "购买方", "tax_number": "税号", "registration": "注册信息", "sku": "货号", "deliver_to": "收货人",
            "pick_up": "到店自提", "parcel": "包裹", "of": "第 {n} 件，共 {all} 件", "note": "买家留言", "units": "件数",
            "parcels": "包裹", "from": "寄件人", "to": "收件人", "weight": "重量",
            "other_parcels": "订单中的其余商品将另行发出。", "location": "库位", "picked": "已拣", "thanks": "感谢您的订购。",
            "fapiao_code": "扫码或凭此码申请发票：", "reason": "原因", "page": "页", "show": "直播", "to_pick": "待拣", "transfer": "银行转账", "cash": "现金",
            "return": "退货", "stick_on": "请将此部分贴在包裹上。", "put_in": "请将此部分放入包裹内。", "return_to": "退货地址",
            "too_small": "偏小", "too_large": "偏大", "changed_mind": "不想要了", "arrived_late": "到货太晚",
            "not_as_described": "与描述不符", "defective": "质量问题", "damaged_in_transit": "运输损坏",
            "wrong_item": "发错商品", "parts_missing": "缺少配件", "other": "其他原因",
        }),
    }
)  # fmt: skip


def language(locale: str) -> str:
    """The language that serves a reader of `locale`."""
    return "zh" if locale.lower().startswith("zh") else "en"


def words(lang: str) -> Mapping[str, str]:
    return WORDS[lang]


def locale_of(lang: str) -> Locale:
    return Locale.parse("zh_Hans_CN" if lang == "zh" else "en")


def money(minor: int, currency: str, lang: str) -> str:
    """As pages write it: with as many decimals as ISO 4217 gives the currency."""
    return numbers.format_currency(
        Decimal(minor).scaleb(-DECIMALS[currency]),
        currency,
        format=_pattern(lang, DECIMALS[currency]),
        locale=locale_of(lang),
        currency_digits=False,
    )


@cache
def _pattern(lang: str, decimals: int) -> str:
    pattern: str = locale_of(lang).currency_formats["standard"].pattern
    head, _, rest = pattern.partition("0.00")
    return f"{head}{'0.' + '0' * decimals if decimals else '0'}{rest}"


def day(value: date, lang: str) -> str:
    return dates.format_date(value, "long", locale=locale_of(lang))


def country(code: str, lang: str) -> str:
    return locale_of(lang).territories.get(code, code)


def options(values: Sequence[str]) -> str:
    """As in "M · Indigo"; the stand-in that importers give things of one kind is left out."""
    return " · ".join(each for each in values if each and each != "Default Title")


def address(parts: Mapping[str, str] | None, lang: str) -> list[str]:
    """The lines of an address, with the name of the country."""
    if not parts:
        return []
    return addresses.lines(
        street=parts.get("street", ""),
        city=parts.get("city", ""),
        region=parts.get("region", ""),
        postcode=parts.get("postcode", ""),
        country=country(parts.get("country", ""), lang),
    )
