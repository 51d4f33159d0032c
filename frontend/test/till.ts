// Goods, sales and facts for the tests of the till.

import { Catalog } from "../src/till/catalog.ts";
import { type Fact, type FactOf, NO_HASH, type SaleBody, type Snapshot } from "../src/till/protocol.ts";

export const PATTERNS = [
  { prefix: "21", item_digits: 5, value_digits: 5, value: "weight", decimals: 3 },
  { prefix: "22", item_digits: 5, value_digits: 5, value: "price", decimals: 2 },
] as const;
export const variant = (id: number, more: object = {}) => ({
  id,
  title: "",
  options: [],
  sku: `SKU-${id}`,
  barcode: null,
  price: 1000 + id,
  tax_class: "standard",
  weighed: false,
  available: 5,
  escrow: 0,
  scarce: false,
  ...more,
});
export const snapshot: Snapshot = {
  version: "1",
  server_time: "2026-11-30T12:00:00.000Z",
  device: { id: "d", series: "A1", next_sequence: 1, next_number: 1, last_hash: NO_HASH },
  register: { id: 1, name: "Counter" },
  location: { id: 1, name: "Store" },
  shop: { slug: "tea", name: "茶舍", currency: "CNY", locale: "zh", zone: "Asia/Shanghai" },
  shift: null,
  assistants: [],
  products: [
    {
      id: 1,
      title: "龙井茶",
      keys: "longjingcha ljc",
      picture: null,
      variants: [variant(11, { barcode: "6901234567892" })],
    },
    {
      id: 2,
      title: "苹果",
      keys: "pingguo pg",
      picture: null,
      variants: [variant(21, { price: 1200, barcode: "2100001000004", weighed: true })],
    },
    { id: 3, title: "蛋糕", keys: "dangao dg", picture: null, variants: [variant(31, { sku: "2200042" })] },
    { id: 4, title: "Cup", keys: "", picture: null, variants: [variant(41, { barcode: "012345678905" })] },
  ],
  collections: [],
  pricing: {
    version: "frozen",
    currency: "CNY",
    taxes: { included: true, origin: { country: "CN" }, rates: [{ country: "CN", rate: "13" }] },
    discounts: [],
  },
  barcode_patterns: PATTERNS,
  tenders: ["cash", "card_terminal"],
  limits: { offline_cash_return: 20000, discount_percent: 20, pin_attempts: 5 },
  open_amount_variant: null,
  receipts: [],
};
export const catalog = new Catalog(snapshot, 2);
export const AT = Date.UTC(2026, 10, 30, 12);

export const sale = (sequence: number, body: Partial<SaleBody>, shift = "s"): Fact => ({
  sequence,
  at: "2026-11-30T12:00:00.000Z",
  kind: "sale",
  assistant: 5,
  shift,
  body: {
    id: `order-${sequence}`,
    number: sequence,
    token: `token-${sequence}`,
    training: false,
    price_list: "frozen",
    offline: true,
    lines: [],
    calculation: null,
    discounts: [],
    total: 0,
    tax: 0,
    tenders: [],
    change: 0,
    rounding: 0,
    customer: null,
    locale: "zh",
    hold: null,
    ...body,
  },
  previous: "",
  hash: "",
});
export const other = <K extends Exclude<Fact["kind"], "sale">>(
  sequence: number,
  kind: K,
  body: FactOf<K>["body"],
): Fact =>
  ({ sequence, at: "", kind, assistant: 5, shift: "s", body, previous: "", hash: "" }) as unknown as Fact;
export const lineOf = (line: number, quantity: number, amount: number) => ({
  line,
  variant: 11,
  title: "龙井茶",
  sku: "",
  options: [],
  quantity,
  weight: null,
  unit_price: 0,
  price_reason: null,
  discount: 0,
  tax: 0,
  tax_included: true,
  amount,
});

export const drop = (amount: number) => ({ amount, reason: "" });
