"""How near two addresses are, as far as the road can be told from what is written on a parcel.  No I/O here.

In China by the great circle between the capitals of two provinces (their usual coordinates, rounded to a tenth of a
degree); elsewhere by whether region and country are the same.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from math import asin, cos, radians, sin, sqrt
from types import MappingProxyType
from typing import Any, Final

from shopfloor.kernel.chinese_divisions import divisions
from shopfloor.kernel.records import dataclass

_EARTH_KM: Final = 6371.0

# Province: its name in letters, its capital in both, latitude and longitude of that.
_PROVINCES: Final[Mapping[str, tuple[str, str, str, float, float]]] = MappingProxyType(
    {
        "北京": ("beijing", "北京", "beijing", 39.9, 116.4),
        "天津": ("tianjin", "天津", "tianjin", 39.1, 117.2),
        "河北": ("hebei", "石家庄", "shijiazhuang", 38.0, 114.5),
        "山西": ("shanxi", "太原", "taiyuan", 37.9, 112.5),
        "内蒙古": ("inner mongolia", "呼和浩特", "hohhot", 40.8, 111.7),
        "辽宁": ("liaoning", "沈阳", "shenyang", 41.8, 123.4),
        "吉林": ("jilin", "长春", "changchun", 43.8, 125.3),
        "黑龙江": ("heilongjiang", "哈尔滨", "harbin", 45.8, 126.5),
        "上海": ("shanghai", "上海", "shanghai", 31.2, 121.5),
        "江苏": ("jiangsu", "南京", "nanjing", 32.1, 118.8),
        "浙江": ("zhejiang", "杭州", "hangzhou", 30.3, 120.2),
        "安徽": ("anhui", "合肥", "hefei", 31.8, 117.2),
        "福建": ("fujian", "福州", "fuzhou", 26.1, 119.3),
        "江西": ("jiangxi", "南昌", "nanchang", 28.7, 115.9),
        "山东": ("shandong", "济南", "jinan", 36.7, 117.0),
        "河南": ("henan", "郑州", "zhengzhou", 34.7, 113.6),
        "湖北": ("hubei", "武汉", "wuhan", 30.6, 114.3),
        "湖南": ("hunan", "长沙", "changsha", 28.2, 112.9),
        "广东": ("guangdong", "广州", "guangzhou", 23.1, 113.3),
        "广西": ("guangxi", "南宁", "nanning", 22.8, 108.4),
        "海南": ("hainan", "海口", "haikou", 20.0, 110.3),
        "重庆": ("chongqing", "重庆", "chongqing", 29.6, 106.5),
        "四川": ("sichuan", "成都", "chengdu", 30.7, 104.1),
        "贵州": ("guizhou", "贵阳", "guiyang", 26.6, 106.7),
        "云南": ("yunnan", "昆明", "kunming", 25.0, 102.7),
        "西藏": ("tibet", "拉萨", "lhasa", 29.7, 91.1),
        "陕西": ("shaanxi", "西安", "xi'an", 34.3, 108.9),
        "甘肃": ("gansu", "兰州", "lanzhou", 36.1, 103.8),
        "青海": ("qinghai", "西宁", "xining", 36.6, 101.8),
        "宁夏": ("ningxia", "银川", "yinchuan", 38.5, 106.3),
        "新疆": ("xinjiang", "乌鲁木齐", "urumqi", 43.8, 87.6),
        "台湾": ("taiwan", "台北", "taipei", 25.0, 121.5),
        "香港": ("hong kong", "香港", "hong kong", 22.3, 114.2),
        "澳门": ("macau", "澳门", "macau", 22.2, 113.5),
    }
)
_OF_COUNTRY: Final = {"HK": "香港", "MO": "澳门", "TW": "台湾"}


@dataclass(frozen=True, slots=True)
class Spot:
    """Where something is, as an address says it; empty where it says nothing."""

    country: str = ""
    region: str = ""
    city: str = ""

    @classmethod
    def of(cls, address: Mapping[str, Any] | None) -> "Spot":
        """Of an address as orders keep it."""
        return cls(*(str((address or {}).get(part) or "") for part in ("country", "region", "city")))

    @property
    def province(self) -> str:
        """The province of China, by its short name; empty elsewhere and where it can't be told."""
        if self.country in _OF_COUNTRY:
            return _OF_COUNTRY[self.country]
        return _province(self.region.strip(), self.city.strip()) if self.country == "CN" else ""


@dataclass(frozen=True, slots=True, order=True)
class Distance:
    """`near`: 0 same region, 1 same country, 2 elsewhere, 3 unknown; `km` where it can be told, else 0."""

    near: int
    km: int


def distance(place: Spot, to: Spot) -> Distance:
    """What can be told of it; with unknown addresses nothing is nearer than anything else.

    A shop that sends within its country alone does not ask for one: then it is that of the place.
    """
    if not place.country or not (to.country or to.region or to.city):
        return Distance(3, 0)
    if not to.country:
        to = replace(to, country=place.country)
    ours, theirs = place.province, to.province
    if ours and theirs:
        km = round(_great_circle(_PROVINCES[ours][3:], _PROVINCES[theirs][3:]) / 10) * 10
        return Distance(0 if ours == theirs else 1 if place.country == to.country else 2, km)
    if place.country != to.country:
        return Distance(2, 0)
    same = place.region.strip().casefold() == to.region.strip().casefold() != ""
    return Distance(0 if same else 1, 0)


def _great_circle(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Kilometres, by the haversine formula."""
    (lat, lon), (there_lat, there_lon) = map(_radians, (here, there))
    half = sin((there_lat - lat) / 2) ** 2 + cos(lat) * cos(there_lat) * sin((there_lon - lon) / 2) ** 2
    return 2 * _EARTH_KM * asin(sqrt(half))


def _radians(point: tuple[float, float]) -> tuple[float, float]:
    return radians(point[0]), radians(point[1])


@cache
def _by_city() -> Mapping[str, str]:
    """The province of every city of the table by which addresses are chosen."""
    found: dict[str, str] = {}
    for region, cities in divisions().items():
        province = next((each for each in _PROVINCES if region.startswith(each)), "")
        if province:
            found |= {city.removesuffix("市"): province for city in cities}
    return found


def _province(region: str, city: str) -> str:
    """By the region, or by the city where that says nothing; written in characters or in letters."""
    for written in (region, city):
        if not written:
            continue
        letters = written.casefold()
        for name, (pinyin, capital, capital_pinyin, _, _) in _PROVINCES.items():
            if written.startswith((name, capital)) or letters.startswith(
                (f"{pinyin} ", f"{capital_pinyin} ")
            ):
                return name
            if letters in {pinyin, capital_pinyin, pinyin.replace(" ", ""), capital_pinyin.replace("'", "")}:
                return name
        found = _by_city().get(written.removesuffix("市"))
        if found:
            return found
    return ""
