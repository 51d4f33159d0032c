"""A Chinese address as people paste it: name, telephone, province, city, district and street, in any order.

A help for filling in a form, never the last word: what is not sure is left to the street, and the buyer sees it all.
No I/O here.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Parsed:
    """Empty where nothing was found.  In a municipality the city is the municipality."""

    name: str = ""
    phone: str = ""
    region: str = ""
    city: str = ""
    district: str = ""
    street: str = ""
    postcode: str = ""


MUNICIPALITIES: Final = ("北京市", "天津市", "上海市", "重庆市")
# Divisions of the first level with those of the second; a city stands without its 市.
REGIONS: Final[Mapping[str, str]] = {
    "北京市": "",
    "天津市": "",
    "上海市": "",
    "重庆市": "",
    "河北省": "石家庄 唐山 秦皇岛 邯郸 邢台 保定 张家口 承德 沧州 廊坊 衡水",
    "山西省": "太原 大同 阳泉 长治 晋城 朔州 晋中 运城 忻州 临汾 吕梁",
    "内蒙古自治区": "呼和浩特 包头 乌海 赤峰 通辽 鄂尔多斯 呼伦贝尔 巴彦淖尔 乌兰察布 兴安盟 锡林郭勒盟 阿拉善盟",
    "辽宁省": "沈阳 大连 鞍山 抚顺 本溪 丹东 锦州 营口 阜新 辽阳 盘锦 铁岭 朝阳 葫芦岛",
    "吉林省": "长春 吉林 四平 辽源 通化 白山 松原 白城 延边朝鲜族自治州",
    "黑龙江省": "哈尔滨 齐齐哈尔 鸡西 鹤岗 双鸭山 大庆 伊春 佳木斯 七台河 牡丹江 黑河 绥化 大兴安岭地区",
    "江苏省": "南京 无锡 徐州 常州 苏州 南通 连云港 淮安 盐城 扬州 镇江 泰州 宿迁",
    "浙江省": "杭州 宁波 温州 嘉兴 湖州 绍兴 金华 衢州 舟山 台州 丽水",
    "安徽省": "合肥 芜湖 蚌埠 淮南 马鞍山 淮北 铜陵 安庆 黄山 滁州 阜阳 宿州 六安 亳州 池州 宣城",
    "福建省": "福州 厦门 莆田 三明 泉州 漳州 南平 龙岩 宁德",
    "江西省": "南昌 景德镇 萍乡 九江 新余 鹰潭 赣州 吉安 宜春 抚州 上饶",
    "山东省": "济南 青岛 淄博 枣庄 东营 烟台 潍坊 济宁 泰安 威海 日照 临沂 德州 聊城 滨州 菏泽",
    "河南省": "郑州 开封 洛阳 平顶山 安阳 鹤壁 新乡 焦作 濮阳 许昌 漯河 三门峡 南阳 商丘 信阳 周口 驻马店",
    "湖北省": "武汉 黄石 十堰 宜昌 襄阳 鄂州 荆门 孝感 荆州 黄冈 咸宁 随州 恩施土家族苗族自治州",
    "湖南省": "长沙 株洲 湘潭 衡阳 邵阳 岳阳 常德 张家界 益阳 郴州 永州 怀化 娄底 湘西土家族苗族自治州",
    "广东省": "广州 韶关 深圳 珠海 汕头 佛山 江门 湛江 茂名 肇庆 惠州 梅州 汕尾 河源 阳江 清远 东莞 中山 潮州 揭阳 云浮",
    "广西壮族自治区": "南宁 柳州 桂林 梧州 北海 防城港 钦州 贵港 玉林 百色 贺州 河池 来宾 崇左",
    "海南省": "海口 三亚 三沙 儋州",
    "四川省": "成都 自贡 攀枝花 泸州 德阳 绵阳 广元 遂宁 内江 乐山 南充 眉山 宜宾 广安 达州 雅安 巴中 资阳 "
    "阿坝藏族羌族自治州 甘孜藏族自治州 凉山彝族自治州",
    "贵州省": "贵阳 六盘水 遵义 安顺 毕节 铜仁 黔西南布依族苗族自治州 黔东南苗族侗族自治州 黔南布依族苗族自治州",
    "云南省": "昆明 曲靖 玉溪 保山 昭通 丽江 普洱 临沧 楚雄彝族自治州 红河哈尼族彝族自治州 文山壮族苗族自治州 "
    "西双版纳傣族自治州 大理白族自治州 德宏傣族景颇族自治州 怒江傈僳族自治州 迪庆藏族自治州",
    "西藏自治区": "拉萨 日喀则 昌都 林芝 山南 那曲 阿里地区",
    "陕西省": "西安 铜川 宝鸡 咸阳 渭南 延安 汉中 榆林 安康 商洛",
    "甘肃省": "兰州 嘉峪关 金昌 白银 天水 武威 张掖 平凉 酒泉 庆阳 定西 陇南 临夏回族自治州 甘南藏族自治州",
    "青海省": "西宁 海东 海北藏族自治州 黄南藏族自治州 海南藏族自治州 果洛藏族自治州 玉树藏族自治州 海西蒙古族藏族自治州",
    "宁夏回族自治区": "银川 石嘴山 吴忠 固原 中卫",
    "新疆维吾尔自治区": "乌鲁木齐 克拉玛依 吐鲁番 哈密 昌吉回族自治州 博尔塔拉蒙古自治州 巴音郭楞蒙古自治州 阿克苏地区 "
    "克孜勒苏柯尔克孜自治州 喀什地区 和田地区 伊犁哈萨克自治州 塔城地区 阿勒泰地区",
    "台湾省": "",
    "香港特别行政区": "",
    "澳门特别行政区": "",
}
_SHORT: Final = re.compile(r"(?:省|市|(?:维吾尔|壮族|回族)?自治区|特别行政区)$")
_BY_NAME: Final[Mapping[str, str]] = {
    **{full: full for full in REGIONS},
    **{_SHORT.sub("", full): full for full in REGIONS},
}
_REGION: Final = re.compile("|".join(sorted(_BY_NAME, key=len, reverse=True)))


def cities_of(region: str) -> tuple[str, ...]:
    """The divisions of the second level, by their full names."""
    listed = tuple(_full(name) for name in REGIONS.get(region, "").split())
    return listed or ((region,) if region in MUNICIPALITIES else ())


def _full(name: str) -> str:
    return name if name.endswith(("盟", "地区", "自治州")) else f"{name}市"


_PEOPLES: Final = "朝鲜族 土家族 苗族 藏族 羌族 彝族 布依族 侗族 哈尼族 壮族 傣族 白族 景颇族 傈僳族 回族 蒙古族 蒙古 柯尔克孜 哈萨克"
_PEOPLE: Final = re.compile("|".join(sorted(_PEOPLES.split(), key=len, reverse=True)))


def _called(full: str) -> set[str]:
    """What a division of the second level is called: 恩施土家族苗族自治州, 恩施州, 恩施."""
    short = re.sub(r"(?:市|盟|地区|自治州)$", "", full)
    stem = _PEOPLE.sub("", short) if full.endswith("自治州") else short
    return {full, stem} | ({f"{stem}州"} if full.endswith("自治州") else set[str]())


_CITIES: Final[Mapping[str, Mapping[str, str]]] = {
    region: {name: full for full in cities_of(region) for name in _called(full)} for region in REGIONS
}
_ANY_CITY: Final[Mapping[str, tuple[str, str]]] = {
    name: (region, full)
    for region, listed in _CITIES.items()
    for name, full in listed.items()
    # 吉林 is a province first, and 海南 one too.
    if name not in _BY_NAME
}

_MOBILE: Final = re.compile(
    r"(?<![0-9])(?:\+?86|0086)?[ -]?(1[3-9][0-9])[ -]?([0-9]{4})[ -]?([0-9]{4})(?:[ ]?(?:-|转|#)[ ]?([0-9]{1,6}))?(?![0-9])"
)
_LANDLINE: Final = re.compile(
    r"(?<![0-9])(0[0-9]{2,3})[ -]?([0-9]{7,8})(?:[ ]?(?:-|转)[ ]?([0-9]{1,6}))?(?![0-9])"
)
_POSTCODE: Final = re.compile(r"(?<![0-9A-Za-z-])[0-8][0-9]{5}(?![0-9A-Za-z号栋幢座室弄楼-])")
_LABELS: Final = re.compile(
    r"(收货人姓名|收货人|收件人姓名|收件人|联系人|姓名|名字|收货)[ ]*[:：]|"
    r"(手机号码|手机号|联系电话|联系方式|电话号码|电话|手机|tel|phone)[ ]*[:：]?|"
    r"(所在地区|收货地址|详细地址|收件地址|街道地址|地址|地区|街道)[ ]*[:：]|"
    r"(邮政编码|邮编)[ ]*[:：]?",
    re.IGNORECASE,
)
_BREAKS: Final = re.compile(r"[\s,;、|/。]+")
_CITY: Final = re.compile(r"[\u4e00-\u9fff]{1,12}?(?:自治州|地区|市|盟)")
_DISTRICT: Final = re.compile(
    r"[\u4e00-\u9fff]{1,14}?(?:自治县|自治旗|林区|新区|开发区|高新区|园区|矿区|特区|区|县|市(?!区)|旗)"
)
_NO_DISTRICT: Final = re.compile(
    r"(?:小区|社区|校区|院区|厂区|景区|住宅区|生活区|家属区|宿舍区|校园区)$|[路街道巷弄号村镇乡栋幢座楼]"
)
_OF_ADDRESS: Final = re.compile(r"[路街道巷弄号村镇乡栋幢座楼室区县市省旗组队厦苑园城]|[0-9]")
_NAME: Final = re.compile(
    r"[\u3400-\u9fff·•]{1,8}(?:先生|女士|小姐|老师)?|[A-Za-z][A-Za-z.'-]*(?: [A-Za-z][A-Za-z.'-]*){0,3}"
)
_COUNTRY: Final = re.compile(r"^(?:中华人民共和国|中国)[ ,]*")
LONGEST: Final = 500


def filled_in(pasted: str) -> dict[str, str]:
    """The fields of a form, by name, as far as they were found: a district stands before its street."""
    found = parse(pasted)
    fields = {
        "name": found.name, "phone": found.phone, "region": found.region, "city": found.city,
        "street": f"{found.district}{found.street}", "postcode": found.postcode,
    }  # fmt: skip
    return {name: value for name, value in fields.items() if value}


def parse(pasted: str) -> Parsed:
    """What is found in a pasted text; linear in its length."""
    text = unicodedata.normalize("NFKC", pasted[:LONGEST]).replace("—", "-").replace("–", "-")
    found = Parsed()
    text, phone = _phone(text)
    found = replace(found, phone=phone)
    named = ""
    labelled = re.search(
        r"(?:收货人姓名|收货人|收件人姓名|收件人|联系人|姓名|名字)[ ]*:[ ]*([^\s,;:|]{1,20})", text
    )
    if labelled:
        named = labelled[1]
        text = f"{text[: labelled.start()]}\n{text[labelled.end() :]}"
    text = _LABELS.sub("\n", text)
    code = _POSTCODE.search(text)
    if code:
        found = replace(found, postcode=code[0])
        text = f"{text[: code.start()]}\n{text[code.end() :]}"
    pieces = [_COUNTRY.sub("", piece) for piece in _BREAKS.split(text) if piece]
    pieces = [piece for piece in pieces if piece.strip(":-_.()[]")]
    # What is neither reached by telephone nor anywhere that we know says nothing of who it is.
    if not named and (phone or any(_begins(piece) for piece in pieces)):
        at = _name_among(pieces, text)
        if at is not None:
            start, end, named = at
            pieces = pieces[:start] + pieces[end:]
    return _place(replace(found, name=named), pieces)


def _phone(text: str) -> tuple[str, str]:
    """The text without its telephone number, and the number: a mobile one first."""
    for pattern in (_MOBILE, _LANDLINE):
        found = pattern.search(text)
        if found:
            parts = [part for part in found.groups() if part]
            more = found[found.lastindex or 0] if found.groups()[-1] else ""
            body = parts[:-1] if more else parts
            number = "".join(body) if pattern is _MOBILE else "-".join(body)
            number = f"{number}-{more}" if more else number
            rest = text[: found.start()].rstrip("(（") + "\n" + text[found.end() :].lstrip(")）")
            return rest, number
    return text, ""


def _name_among(pieces: list[str], text: str) -> tuple[int, int, str] | None:
    """Which pieces are the name: one that is no part of an address, at an end of the text or alone."""
    latin = re.search(r"(?m)^[ ]*([A-Za-z][A-Za-z.'-]*(?: [A-Za-z][A-Za-z.'-]*){1,3})[ ]*$", text)
    if latin:
        words = latin[1].split()
        for start in range(len(pieces) - len(words) + 1):
            if pieces[start : start + len(words)] == words:
                return start, start + len(words), " ".join(words)
    candidates = [
        (start, piece)
        for start, piece in enumerate(pieces)
        if _NAME.fullmatch(piece) and not _is_place(piece) and len(piece) <= 12
    ]
    # People are called with few characters; what is longer is more likely a building.
    short = [each for each in candidates if not _OF_ADDRESS.search(each[1][1:])] or candidates
    ends = [each for each in short if each[0] in {0, len(pieces) - 1}]
    for start, piece in [*ends, *short]:
        if len(pieces) > 1 and len(re.sub(r"(?:先生|女士|小姐|老师)$", "", piece)) <= 6:
            return start, start + 1, piece
    return None


def _is_place(piece: str) -> bool:
    """Whether this begins an address, or is a division."""
    if piece in _BY_NAME or piece in _ANY_CITY:
        return True
    region = _REGION.match(piece)
    if region and len(piece) > len(region[0]) and (region[0] in REGIONS or _next_city(piece, region[0])):
        return True
    return (
        bool(re.search(r"(?:省|市|区|县|旗|镇|乡|村|路|街|街道|大道|小区|号|室|栋|楼|苑|大厦|广场)$", piece))
        and len(piece) > 2
    )


def _next_city(piece: str, region: str) -> bool:
    rest = piece[len(region) :]
    return any(rest.startswith(name) for name in _CITIES[_BY_NAME[region]])


def _place(found: Parsed, pieces: list[str]) -> Parsed:
    """Province, city and district from where they begin; all else is the street, in the order it came."""
    begins = next((start for start, piece in enumerate(pieces) if _begins(piece)), None)
    if begins is None:
        return replace(found, street=" ".join(pieces))
    before, line = pieces[:begins], pieces[begins:]
    region, city, taken = _region(line)
    line = taken
    district = ""
    if region in MUNICIPALITIES:
        city = region
        line = _without(line, (region, _SHORT.sub("", region), "市辖区", "县"))
    elif not city:
        city, line = _city(region, line)
    else:
        line = _without(line, (city,))
    line = _without(line, ("市辖区", "省直辖县级行政区划", "自治区直辖县级行政区划"))
    if line:
        match = _DISTRICT.match(line[0])
        if match and not _NO_DISTRICT.search(match[0]):
            district, line = match[0], _rest(line, match[0])
    # 海南省文昌市: a city of the county that no city stands above.
    if not city and district.endswith("市"):
        city, district = district, ""
    street = " ".join([*line, *before])
    return replace(found, region=region, city=city, district=district, street=street)


def _begins(piece: str) -> bool:
    return bool(_REGION.match(piece)) or any(piece.startswith(name) for name in _ANY_CITY)


def _rest(line: list[str], taken: str) -> list[str]:
    left = line[0][len(taken) :]
    return [left, *line[1:]] if left else line[1:]


def _without(line: list[str], names: tuple[str, ...]) -> list[str]:
    """Without a division that is said again."""
    for name in names:
        if line and line[0].startswith(name) and name:
            line = _rest(line, name)
    return line


def _region(line: list[str]) -> tuple[str, str, list[str]]:
    """The division of the first level, and the city where it was named alone."""
    match = _REGION.match(line[0])
    if match:
        return _BY_NAME[match[0]], "", _rest(line, match[0])
    name = max((name for name in _ANY_CITY if line[0].startswith(name)), key=len)
    region, city = _ANY_CITY[name]
    return region, city, _rest(line, name)


def _city(region: str, line: list[str]) -> tuple[str, list[str]]:
    if not line:
        return "", line
    known = _CITIES.get(region, {})
    name = max((name for name in known if line[0].startswith(name)), key=len, default="")
    if name:
        return known[name], _rest(line, name)
    match = _CITY.match(line[0])
    if match and not _NO_DISTRICT.search(match[0]) and not re.search(r"[区县]", match[0]):
        return match[0], _rest(line, match[0])
    return "", line
