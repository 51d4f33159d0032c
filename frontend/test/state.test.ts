import assert from "node:assert/strict";
import { test } from "node:test";
import {
  availability,
  availabilityOf,
  type ChatLine,
  chatAfter,
  flashLeft,
  inWords,
  type Line,
  lineWith,
  merged,
  type Offer,
  offersInOrder,
  onlyChoices,
  optionKind,
  piecesOf,
  type RoomState,
  struckOf,
  valuesOf,
} from "../src/room/state.ts";

const line = (
  id: number,
  options: string[],
  left: number,
  later: [string, number][] = [],
  waiting = 0,
): Line => ({
  id,
  sku: `s${id}`,
  options,
  price_minor: 100 * id,
  currency: "CNY",
  left,
  later,
  waiting,
});
const offer = (...lines: Line[]): Offer =>
  ({
    id: 3,
    product_id: 1,
    title: "Shirt",
    option_names: ["Colour", "Size"],
    kind: "sized",
    policy: "timer",
    hold_seconds: 300,
    kinds: 0,
    lines: Object.fromEntries(lines.map((one) => [String(one.id), one])),
  }) as unknown as Offer;
const said = (id: string): ChatLine => ({ id, name: "A", text: id, role: "viewer", at: 0 });

// The examples of RFC 7386, appendix A, that concern objects.
const examples: [unknown, unknown, unknown][] = [
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [
    ["a", "b"],
    ["c", "d"],
    ["c", "d"],
  ],
  [{ a: "foo" }, null, null],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];
for (const [target, patch, wanted] of examples) {
  test(`merge patch ${JSON.stringify(target)} + ${JSON.stringify(patch)}`, () =>
    assert.deepEqual(merged(target, patch), wanted));
}

test("a patch leaves what it does not touch as the same object", () => {
  const before = { offers: { "1": { lines: {} }, "2": {} }, viewers: 1 };
  const after = merged(before, { offers: { "2": { left: 3 } } }) as typeof before;
  assert.equal(after.offers["1"], before.offers["1"]);
  assert.deepEqual(before, { offers: { "1": { lines: {} }, "2": {} }, viewers: 1 });
});

test("chat: a line heard twice is one line, hidden lines go, also when they come only now", () => {
  const lines = chatAfter([said("1"), said("2")], [said("2"), said("3"), said("4")], ["1", "4"]);
  assert.deepEqual(
    lines.map((one) => one.id),
    ["2", "3"],
  );
});

test("chat keeps the last eighty lines", () => {
  const lines = chatAfter(
    [],
    Array.from({ length: 100 }, (_, i) => said(String(i))),
  );
  assert.deepEqual([lines.length, lines[0]?.id], [80, "20"]);
});

test("availability: the shelf first, then the earliest lot that has units, then the waitlist", () => {
  assert.deepEqual(availability(line(1, ["M"], 2, [["2026-12-03", 9]])), { is: "now", left: 2 });
  assert.deepEqual(
    availability(
      line(1, ["M"], 0, [
        ["2026-12-03", 0],
        ["2026-12-09", 4],
      ]),
    ),
    { is: "later", left: 4, ready_on: "2026-12-09" },
  );
  assert.deepEqual(availability(line(1, ["M"], 0, [], 7)), { is: "gone", waiting: 7 });
});

test("availability of an offer: now beats later, the earliest date wins", () => {
  const soon = line(2, ["L"], 0, [["2026-12-03", 1]]);
  const late = line(3, ["S"], 0, [["2026-12-30", 1]]);
  assert.deepEqual(availabilityOf(offer(late, soon)), { is: "later", left: 1, ready_on: "2026-12-03" });
  assert.deepEqual(availabilityOf(offer(late, soon, line(4, ["XL"], 5), line(5, ["M"], 2))), {
    is: "now",
    left: 7,
  });
});

test("choosing: options find their line, and only what has one value is chosen already", () => {
  const shirt = offer(
    line(1, ["Indigo", "S"], 0),
    line(2, ["Indigo", "M"], 0, [["2026-12-03", 1]]),
    line(3, ["Oat", "S"], 4),
  );
  assert.deepEqual(onlyChoices({ ...shirt, option_names: ["Colour", "Size"] }), [undefined, undefined]);
  const oat = offer(line(3, ["Oat", "S"], 4), line(4, ["Oat", "M"], 1));
  assert.deepEqual(onlyChoices({ ...oat, option_names: ["Colour", "Size"] }), ["Oat", undefined]);
  assert.deepEqual(["Size", "尺码", "Farbe", "Glaze"].map(optionKind), ["size", "size", "colour", "other"]);
  assert.equal(lineWith(shirt, ["Indigo", "M"])?.id, 2);
  assert.equal(lineWith(shirt, ["Oat", "M"]), undefined);
  assert.deepEqual(valuesOf(shirt, 0), ["Indigo", "Oat"]);
});

test("offers come in the order of the run of show; unknown ones are left out", () => {
  const state = { order: [9, 3], offers: { "3": offer(line(1, [], 1)) } } as unknown as RoomState;
  assert.deepEqual(
    offersInOrder(state).map((one) => one.id),
    [3],
  );
});

test("texts of the merchant: exact language, then the same language elsewhere, then the shop's own", () => {
  assert.equal(inWords("Shirt", { zh_CN: "衬衫" }, "zh-CN"), "衬衫");
  assert.equal(inWords("Shirt", { zh_TW: "襯衫" }, "zh-CN"), "襯衫");
  assert.equal(inWords("Shirt", { fr: "Chemise" }, "zh-CN"), "Shirt");
  assert.equal(inWords("Shirt", undefined, "en"), "Shirt");
});

test("a bundle counts its pieces, anything else counts one", () => {
  const part = (id: number, quantity: number) => ({ id, quantity, title: "T", titles: {}, options: [] });
  assert.equal(piecesOf(line(1, [], 1)), 1);
  assert.equal(piecesOf({ ...line(1, [], 1), parts: [part(2, 1), part(3, 4)] }), 5);
});

test("what is struck through beside a flash is one amount for all lines, or nothing", () => {
  const sold = offer(line(1, ["M"], 2), line(2, ["L"], 1));
  const flash = { ends_at: 1, units: 5, days: 30, struck: { "1": 9900, "2": 9900 } };
  const same = { ...sold, flash };
  assert.equal(struckOf(same), 9900);
  assert.equal(flashLeft(same), 3);
  assert.equal(struckOf({ ...sold, flash: { ...flash, struck: { "1": 9900 } } }), null);
  assert.equal(struckOf(sold), null);
});
