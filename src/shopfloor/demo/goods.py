"""What the demo shop sells: clothing in sizes and colours, produce by the piece, ceramics made to order."""

from dataclasses import field
from itertools import product as combinations

from shopfloor.kernel.records import dataclass


@dataclass(frozen=True, slots=True)
class Good:
    """One product of the demo.

    `price_minor` is in fen, `surcharge` what an option value adds to it; `stock` is on hand per variant in the
    order of `variants` (or one number for all); `appeal` is how many of a thousand watching shoppers want it;
    `minutes` is its planned time in the run of show.
    """

    handle: str
    drawing: str
    kind: str
    title: str
    title_zh: str
    description: str
    description_zh: str
    options: dict[str, tuple[str, ...]]
    price_minor: int
    stock: tuple[int, ...] | int
    appeal: int
    minutes: int = 1
    surcharge: dict[str, int] = field(default_factory=dict)

    @property
    def variants(self) -> list[tuple[str, ...]]:
        return list(combinations(*self.options.values()))

    def on_hand(self, index: int) -> int:
        return self.stock if isinstance(self.stock, int) else self.stock[index]

    def price_of(self, options: tuple[str, ...]) -> int:
        return self.price_minor + sum(self.surcharge.get(value, 0) for value in options)


SHOP_NAME = "Harbour & Kiln 港与窑"
SHOP_SLUG = "harbour"
# The discount code that is told to followers.
CODE = "HARBOUR10"

GOODS = (
    Good(
        "linen-overshirt", "overshirt", "sized",
        "Linen overshirt", "亚麻衬衫外套",
        "Washed linen, cut straight, with corozo buttons. Wear it open or closed.",
        "水洗亚麻，直筒剪裁，椰果纽扣，敞开或扣上都好看。",
        {"Colour": ("Indigo", "Oat", "Moss"), "Size": ("S", "M", "L", "XL")},
        32_900, (3, 4, 4, 2, 3, 4, 4, 2, 3, 4, 4, 2), 150, 2,
    ),
    Good(
        "wide-trousers", "trousers", "sized",
        "Wide cotton trousers", "宽松棉布长裤",
        "Heavy cotton twill with a pleat and a drawstring inside the waistband.",
        "厚实斜纹棉，前褶设计，腰内抽绳。",
        {"Colour": ("Ink", "Sand"), "Size": ("S", "M", "L")},
        28_900, (8, 10, 8, 6, 8, 6), 70,
    ),
    Good(
        "rib-beanie", "beanie", "sized",
        "Ribbed wool beanie", "罗纹羊毛帽",
        "Merino from one farm, knitted in two passes, never scratchy.",
        "单一牧场美利奴羊毛，双层罗纹，不扎皮肤。",
        {"Colour": ("Rust", "Ink", "Oat")},
        12_900, (20, 18, 16), 80,
    ),
    Good(
        "honey-pomelo", "pomelo", "piece",
        "Honey pomelo", "蜜柚",
        "Picked on Tuesday in Pinghe. About 1.1 kg each; sweet, with thin walls.",
        "周二采摘于平和，单果约 1.1 公斤，皮薄清甜。",
        {"Pack": ("One", "Box of four")},
        1_900, (60, 30), 110, 1, {"Box of four": 4_900},
    ),
    Good(
        "crisp-persimmon", "persimmon", "piece",
        "Crisp persimmons", "脆柿",
        "Eat them firm, like an apple. From terraces above Gongcheng.",
        "像苹果一样脆着吃，来自恭城梯田。",
        {"Pack": ("Six", "Twelve")},
        3_600, (40, 24), 75, 1, {"Twelve": 3_000},
    ),
    Good(
        "kabocha", "pumpkin", "piece",
        "Chestnut pumpkin", "板栗南瓜",
        "Dry and sweet, the size of a teapot. Keeps for two months.",
        "粉糯香甜，茶壶大小，可存放两个月。",
        {"Pack": ("One", "Three")},
        1_600, (50, 20), 50, 1, {"Three": 2_600},
    ),
    Good(
        "mountain-honey", "honey", "piece",
        "Mountain honey", "山野土蜂蜜",
        "Raw winter honey from clay hives, 500 g. It sets white, as it should.",
        "土巢冬蜜，500 克，天然结晶。",
        {"Jar": ("500 g", "1 kg")},
        6_800, (24, 12), 45, 1, {"1 kg": 5_800},
    ),
    Good(
        "tea-bowl", "bowl", "made_to_order",
        "Tea bowl", "茶碗",
        "Thrown and trimmed by hand; no two have the same foot. Fired for your order.",
        "手工拉坯修足，每只都不同，接单烧制。",
        {"Glaze": ("Celadon", "Tenmoku", "Ash white")},
        16_800, (4, 4, 4), 85,
    ),
    Good(
        "side-handle-teapot", "teapot", "made_to_order",
        "Side-handle teapot", "侧把急须",
        "Pours clean to the last drop; holds 240 ml. Fired for your order.",
        "断水利落，容量 240 毫升，接单烧制。",
        {"Glaze": ("Tenmoku", "Ash white")},
        36_800, (2, 2), 40,
    ),
    Good(
        "bottle-vase", "vase", "made_to_order",
        "Bottle vase", "瓶形花器",
        "A shoulder for one branch. Small stands on a shelf, tall on the floor.",
        "溜肩小口，插一枝正好。小号置架，大号落地。",
        {"Glaze": ("Celadon", "Tenmoku", "Ash white"), "Height": ("Small", "Tall")},
        22_800, 2, 35, 1, {"Tall": 14_000},
    ),
)  # fmt: skip

COLOURS = {
    "Indigo": "#2f4468", "Oat": "#d8c9ab", "Moss": "#6b7350", "Ink": "#2b2c30", "Sand": "#c8ad86",
    "Rust": "#a4512f", "Celadon": "#9dbdae", "Tenmoku": "#3b2a22", "Ash white": "#e4dfd3",
}  # fmt: skip

OPTION_NAMES_ZH = {
    "Colour": "颜色",
    "Size": "尺码",
    "Pack": "规格",
    "Jar": "规格",
    "Glaze": "釉色",
    "Height": "高度",
}
OPTION_VALUES_ZH = {
    "Indigo": "靛蓝", "Oat": "燕麦", "Moss": "苔绿", "Ink": "墨黑", "Sand": "沙色", "Rust": "锈红",
    "Celadon": "青瓷", "Tenmoku": "天目", "Ash white": "灰白", "One": "单个", "Box of four": "四个装",
    "Six": "六个", "Twelve": "十二个", "Three": "三个", "500 g": "500 克", "1 kg": "1 公斤",
    "Small": "小号", "Tall": "大号",
}  # fmt: skip
