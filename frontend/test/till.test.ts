// The till without a page: goods, labels, baskets, the drawer, returns, PINs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { hasCheckDigit, labelOf, plainCode, priceOfWeight } from "../src/till/barcodes.ts";
import { added, addedAmount, type Basket, empty, priced, saleLines } from "../src/till/basket.ts";
import { Catalog } from "../src/till/catalog.ts";
import { quickCash, sums } from "../src/till/drawer.ts";
import { isPin } from "../src/till/pins.ts";
import type { Snapshot } from "../src/till/protocol.ts";
import { amountOf, findSale, knownSales } from "../src/till/returns.ts";
import { Scanner } from "../src/till/scanner.ts";
import { AT, catalog, drop, lineOf, other, PATTERNS, sale, snapshot, variant } from "./till.ts";

test("check digits", () => {
  for (const code of ["6901234567892", "2100001027506", "2012345001299", "012345678905", "96385074"]) {
    assert.ok(hasCheckDigit(code), code);
    assert.ok(!hasCheckDigit(`${code.slice(0, -1)}${(Number(code.at(-1)) + 1) % 10}`), code);
  }
  assert.equal(plainCode("0012345678905"), "012345678905");
});

test("a label has a weight or a price in it, whatever the shop's decimals are", () => {
  assert.equal(labelOf("2100001027506", PATTERNS, 2)?.value, 2750);
  assert.equal(labelOf("2200042012507", PATTERNS, 2), null, "a wrong check digit");
  assert.equal(labelOf("6901234567892", PATTERNS, 2), null);
  assert.equal(priceOfWeight(1200, 2750), 3300);
  assert.equal(priceOfWeight(999, 1), 1);
  assert.equal(priceOfWeight(999, 500), 500);
});

test("a scan finds a whole code only", () => {
  const is = (code: string) => {
    const found = catalog.scan(code);
    return found.is === "article"
      ? [found.article.variant.id, found.weight ?? found.price]
      : found.is === "nothing"
        ? found.why
        : found.is;
  };
  assert.deepEqual(is("6901234567892"), [11, undefined]);
  assert.deepEqual(is("0012345678905"), [41, undefined]);
  assert.deepEqual(is("sku-11"), [11, undefined]);
  assert.deepEqual(is("2100001027506"), [21, 2750]);
  assert.deepEqual(
    is(
      "2200042012506".replace(
        /.$/,
        String([...Array(10).keys()].find((digit) => hasCheckDigit(`220004201250${digit}`))),
      ),
    ),
    [31, 1250],
  );
  assert.equal(is("690123456"), "unknown");
  assert.equal(is("6901234567891"), "misread");
  assert.equal(is("2100099027501"), "label");
  assert.equal(is("https://shop.example/s/tea/receipts/abcdefghijklmnopqrstuv"), "receipt");
  assert.equal(is("A1-000030"), "number");
});

test("search knows titles, pinyin and SKUs", () => {
  const ids = (text: string) => catalog.find(text, 10).map((each) => each.id);
  assert.deepEqual(ids("龙井"), [1]);
  assert.deepEqual(ids("ljc"), [1]);
  assert.deepEqual(ids("pingguo"), [2]);
  assert.deepEqual(ids("sku-41"), [4]);
  assert.deepEqual(ids("ｃｕｐ"), [4]);
  assert.deepEqual(ids("nothing"), []);
});

test("a scanner's keys end in a code and never in a field", () => {
  const codes: string[] = [];
  const scanner = new Scanner((code) => codes.push(code));
  let at = 0;
  const press = (keys: string, gap: number) => {
    at += 400;
    for (const key of keys) {
      at += gap;
      scanner.key(key, at);
    }
  };
  press("2", 400);
  press("6901234567892", 8);
  assert.equal(scanner.key("Enter", at + 8), true);
  press("hello", 180);
  assert.equal(scanner.key("Enter", at + 180), false);
  press("12", 5);
  assert.equal(scanner.key("Enter", at + 5), false);
  // The first fast key comes long after the one that was typed: "2", scan, "2" is no 22.
  assert.deepEqual(codes, ["6901234567892"]);
});

test("a basket becomes lines whose sum is the total, in every way of discount", () => {
  const article = (id: number) => catalog.article(id) ?? assert.fail();
  let basket: Basket = empty(AT);
  [basket] = added(basket, article(11));
  [basket] = added(basket, article(11), { quantity: 2 });
  [basket] = added(basket, article(21), { weight: 2750 });
  [basket] = added(basket, article(31), { price: 1250 });
  basket = addedAmount(basket, "包装", 500, null);
  assert.deepEqual(
    basket.lines.map((line) => [line.quantity, line.weight, line.unit_price, line.price_reason]),
    [
      [3, null, 1011, null],
      [1, 2750, 3300, null],
      [1, null, 1250, "label"],
      [1, null, 500, "open"],
    ],
  );
  const off = { percent: "10", amount: 0, reason: "friend", by: 5 };
  const [first, ...others] = basket.lines;
  basket = {
    ...basket,
    off,
    lines: [
      { ...(first ?? assert.fail()), off: { percent: null, amount: 11, reason: "dent", by: 5 } },
      ...others,
    ],
  };
  const told = priced(basket, snapshot, AT) ?? assert.fail();
  const lines = saleLines(basket, told);
  // 3 × 10.11 less 3 × 0.11 is 30.00; with 33.00, 12.50 and 5.00 it is 80.50, of which a tenth goes.
  assert.equal(told.totals.total, 7245);
  assert.equal(
    lines.reduce((sum, line) => sum + line.amount, 0),
    7245,
  );
  for (const line of lines) assert.equal(line.amount, line.unit_price * line.quantity - line.discount);
  const ruled: Snapshot = {
    ...snapshot,
    pricing: {
      ...snapshot.pricing,
      discounts: [
        { id: "r", title: "Tea week", kind: "percentage", level: "lines", percent: "50", products: [1] },
      ],
    },
  };
  assert.equal(priced({ ...basket, off: null }, ruled, AT)?.totals.discount, 1517);
});

test("the drawer has the float, cash without change and card, and what went in and out", () => {
  const facts = [
    other(1, "shift.opened", { id: "s", float: 20000 }),
    sale(2, {
      total: 3582,
      tenders: [
        { kind: "cash", amount: 5000 },
        { kind: "card_terminal", amount: 1000, slip: "4711" },
      ],
      change: 2418,
    }),
    sale(3, { total: 9900, tenders: [{ kind: "cash", amount: 9900 }], training: true, number: null }),
    sale(4, { total: 700, tenders: [{ kind: "cash", amount: 700 }] }, "other"),
    other(5, "return", {
      id: "r",
      number: 3,
      of: { order: "order-2" },
      offline: true,
      training: false,
      lines: [],
      refund: [{ kind: "cash", amount: 1791 }],
      reason: "",
      price_list: "",
      approved_by: null,
    }),
    other(6, "cash.in", drop(5000)),
    other(7, "cash.out", drop(1200)),
    other(8, "cash.drop", drop(10000)),
  ];
  const told = sums(facts, "s");
  assert.deepEqual(
    [told.sales, told.cash, told.card, told.drawer],
    [1, 2582, 1000, 20000 + 2582 - 1791 + 5000 - 1200 - 10000],
  );
  assert.deepEqual(quickCash(7245, "CNY"), [7245, 7300, 7500, 8000, 10000]);
});

test("what came back can't come back again, whoever knows of it", () => {
  const back = (sequence: number, quantity: number) =>
    other(sequence, "return", {
      id: "r",
      number: 9,
      of: { receipt: "A1-000002" },
      offline: true,
      training: false,
      lines: [{ line: 1, quantity, condition: "as_new", restock: true, amount: 0 }],
      refund: [],
      reason: "",
      price_list: "",
      approved_by: null,
    });
  const facts = [sale(2, { total: 1000, lines: [lineOf(1, 3, 1000)] }), back(3, 1)];
  const [known] = knownSales(snapshot, facts);
  const line = known?.lines[0] ?? assert.fail();
  assert.deepEqual([known?.receipt, line.returned], ["A1-000002", 1]);
  assert.deepEqual(
    [amountOf({ ...line, returned: 0 }, 1), amountOf(line, 1), amountOf({ ...line, returned: 2 }, 1)],
    [333, 334, 333],
  );
  assert.equal(findSale(knownSales(snapshot, facts), "https://x/s/tea/receipts/token-2")?.order, "order-2");
  assert.equal(findSale(knownSales(snapshot, facts), "2")?.order, "order-2");
  // The server has counted the first return in its snapshot: only what came after it is added.
  const later: Snapshot = {
    ...snapshot,
    device: { ...snapshot.device, next_sequence: 4 },
    receipts: [
      {
        receipt: "B1-000002",
        order: "web",
        at: "",
        total: 900,
        lines: [{ ...lineOf(1, 3, 900), returned: 1 }],
      },
    ],
  };
  const foreign = other(5, "return", {
    id: "r",
    number: 9,
    of: { order: "web" },
    offline: true,
    training: false,
    lines: [{ line: 1, quantity: 1, condition: "as_new", restock: true, amount: 300 }],
    refund: [],
    reason: "",
    price_list: "",
    approved_by: null,
  });
  assert.equal(knownSales(later, [foreign]).find((each) => each.order === "web")?.lines[0]?.returned, 2);
});

test("a PIN is known by its slow hash", async () => {
  // hashlib.pbkdf2_hmac("sha256", b"2580", b"saltsaltsaltsalt", 1000), 32 bytes.
  const pin = {
    salt: "c2FsdHNhbHRzYWx0c2FsdA==",
    iterations: 1000,
    hash: "iX992ZEIic55oK3Tg++nRhTnIpfGx2nniwSVIKnscLY=",
  };
  const assistant = { id: 5, name: "李静", rights: [], manager: false, pin };
  assert.equal(await isPin(assistant, "2580"), true);
  for (const wrong of ["2581", "", "258", "25800"]) assert.equal(await isPin(assistant, wrong), false);
});

test("50,000 variants: found by code and by words without a wait", () => {
  const products = Array.from({ length: 50_000 }, (_, id) => ({
    id,
    title: `Article ${id}`,
    keys: `wu pin ${id}`,
    picture: null,
    variants: [variant(id, { barcode: `4${String(id).padStart(11, "0")}` })],
  }));
  const large = new Catalog({ products, barcode_patterns: PATTERNS }, 2);
  assert.equal(large.scan("400000049999").is, "article");
  assert.equal(large.find("pin 49999", 60)[0]?.id, 49_999);
});
