// What a printer is sent.

import assert from "node:assert/strict";
import { test } from "node:test";
import { speaker } from "../src/common/words.ts";
import { added, empty, priced, saleLines } from "../src/till/basket.ts";
import { escpos } from "../src/till/escpos.ts";
import { gb18030 } from "../src/till/gb18030.ts";
import type { FactOf } from "../src/till/protocol.ts";
import { saleRows } from "../src/till/receipt.ts";
import { AT, catalog, sale, snapshot } from "./till.ts";

test("Chinese is GB18030 as Python writes it", () => {
  const hex = (text: string) => Buffer.from(gb18030(text)).toString("hex");
  // "龙井茶 ¥19.90 €5 铭".encode("gb18030"), the yen sign of full width.
  assert.equal(hex("龙井茶 ¥19.90 €5 铭"), "c1fabeaeb2e820a3a431392e393020a2e33520c3fa");
  assert.equal(hex("🍵"), "3f");
});

const WORDS = {
  receipt: "小票",
  total: "合计",
  change: "找零",
  cash: "现金",
  tax: "税",
  tax_included: "含%(name)s %(rate)s",
  receipt_keep: "谢谢惠顾",
  price_list: "价目表 %(version)s",
};

// Written by another program, in Python, from Epson's command reference.
const RECEIPT = [
  "1b401b700019fa1c261b61011b45011d21111c5701b2e8c9e10a1b45001d21001c57001b61001b61011b45001d21001c",
  "570053746f72650a1b45001d21001c57001b61001b61011b45001d21001c570032303236c4ea3131d4c23330c8d52032",
  "303a30300a1b45001d21001c57001b61001b61011b45001d21001c5700436f756e7465720a1b45001d21001c57001b61",
  "002d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d",
  "2d0a1b45011d21001c5700d0a1c6b1202020202020202020202020202020202020202020202020202020202020202020",
  "202041312d3030303033300a1b45001d21001c57001b45001d21001c5700c1fabeaeb2e8202020202020202020202020",
  "2020202020202020202020202020202020202020202020a3a432302e32320a1b45001d21001c57001b61001b45001d21",
  "001c570020203220a1c120a3a431302e31310a1b45001d21001c57001b61002d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d",
  "2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d0a1b45011d21001c5700bacfbcc6202020",
  "20202020202020202020202020202020202020202020202020202020202020202020a3a432302e32320a1b45001d2100",
  "1c57001b45001d21001c5700baaccbb02031332520202020202020202020202020202020202020202020202020202020",
  "202020202020a3a4322e33330a1b45001d21001c57001b45001d21001c5700cfd6bdf020202020202020202020202020",
  "202020202020202020202020202020202020202020202020a3a435302e30300a1b45001d21001c57001b45001d21001c",
  "5700d5d2c1e320202020202020202020202020202020202020202020202020202020202020202020202020a3a432392e",
  "37380a1b45001d21001c57002d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d",
  "2d2d2d2d2d2d2d2d2d2d2d2d0a1b61011d286b0400314132001d286b03003143061d286b03003145311d286b3d003150",
  "3068747470733a2f2f73686f702e6578616d706c652f732f7465612f72656365697074732f7474747474747474747474",
  "74747474747474747474741d286b03003151300a1b61001b61011b45001d21001c5700d0bbd0bbbbddb9cb0a1b45001d",
  "21001c57001b61001b61011b45001d21001c5700bcdbc4bfb1ed2066726f7a656e0a1b45001d21001c57001b61001d56",
  "4200",
];

test("the bytes of a receipt with Chinese on it", () => {
  const [basket] = added(empty(AT), catalog.article(11) ?? assert.fail(), { quantity: 2 });
  const calculation = priced(basket, snapshot, AT) ?? assert.fail();
  const fact = sale(30, {
    token: "tttttttttttttttttttttt",
    lines: saleLines(basket, calculation),
    calculation,
    total: 2022,
    tax: calculation.totals.tax,
    tenders: [{ kind: "cash", amount: 5000 }],
    change: 2978,
  }) as FactOf<"sale">;
  const rows = saleRows(fact, {
    snapshot,
    origin: "https://shop.example",
    say: speaker(WORDS),
    language: "zh-CN",
  });
  const bytes = escpos(rows, { drawer: true });
  assert.equal(Buffer.from(bytes).toString("hex"), RECEIPT.join(""));
  const text = new TextDecoder("gb18030").decode(bytes);
  for (const part of [
    "\x1b@",
    "\x1bp\0\x19\xfa".slice(0, 4),
    "\x1c&",
    "茶舍",
    "龙井茶",
    "￥20.22",
    "合计",
    "找零",
    "￥29.78",
    "A1-000030",
    "https://shop.example/s/tea/receipts/tttttttttttttttttttttt",
  ])
    assert.ok(text.includes(part), part);
});

test("a western receipt is written in Windows-1252, one column a letter", () => {
  const bytes = escpos([{ left: "Käse", right: "€2.50" }]);
  const line = Buffer.concat([
    Buffer.from("K\u00e4se", "latin1"),
    Buffer.alloc(39, 0x20),
    Buffer.from([0x80]),
    Buffer.from("2.50"),
  ]);
  assert.ok(Buffer.from(bytes).includes(line));
});
