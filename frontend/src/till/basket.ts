// What a customer buys, before it is a sale.  Plain data, kept on the disk at every change; its price is the price
// function's, with the discounts that the assistant gives as rules beside those of the shop.

import { timeOrderedId } from "../common/ids.ts";
import type { Breakdown, Discount, PricedLine, Question } from "../pricing/models.ts";
import { price } from "../pricing/price.ts";
import { priceOfWeight, weightOfPrice } from "./barcodes.ts";
import type { Article } from "./catalog.ts";
import { type Rule, type SaleLine, type Snapshot, titleOf } from "./protocol.ts";

/** What an assistant takes off.  An amount comes off each unit of a line, and once off a basket. */
export interface Off {
  readonly percent: string | null;
  readonly amount: number;
  readonly reason: string;
  readonly by: number;
}
export interface BasketLine {
  readonly key: string;
  readonly variant: number | null;
  readonly product: number | null;
  readonly title: string;
  readonly sku: string;
  readonly options: readonly string[];
  readonly tax_class: string;
  readonly quantity: number;
  readonly weight: number | null;
  readonly unit_price: number;
  readonly price_reason: string | null;
  readonly off: Off | null;
}
export interface Customer {
  readonly name: string;
  readonly phone: string;
  readonly email: string;
}
export interface Basket {
  readonly id: string;
  readonly lines: readonly BasketLine[];
  readonly off: Off | null;
  readonly codes: readonly string[];
  readonly customer: Customer | null;
  readonly note: string;
  readonly at: number;
}

export const MOST_LINES = 500;
export const MOST_UNITS = 9_999;

export function empty(now: number = Date.now()): Basket {
  return { id: timeOrderedId(now), lines: [], off: null, codes: [], customer: null, note: "", at: now };
}

/** The basket with one more of this, and the line it became. */
export function added(
  basket: Basket,
  { product, variant }: Article,
  how: { quantity?: number; weight?: number; price?: number } = {},
  language = "",
): [Basket, BasketLine] {
  const quantity = how.quantity ?? 1;
  const plain = how.weight === undefined && how.price === undefined && !variant.weighed;
  const same = plain
    ? basket.lines.find((line) => line.variant === variant.id && line.price_reason === null)
    : undefined;
  if (same) {
    const more = { ...same, quantity: Math.min(MOST_UNITS, same.quantity + quantity) };
    return [{ ...basket, lines: basket.lines.map((line) => (line === same ? more : line)) }, more];
  }
  const options = variant.options.filter((option) => option !== "Default Title");
  const weight =
    how.weight ??
    (variant.weighed && how.price !== undefined ? weightOfPrice(variant.price, how.price) : null);
  const line: BasketLine = {
    key: nextKey(basket),
    variant: variant.id,
    product: product.id,
    title: titleOf(product, language),
    sku: variant.sku,
    options,
    tax_class: variant.tax_class,
    quantity,
    weight,
    unit_price:
      how.price ??
      (how.weight === undefined
        ? variant.price
        : variant.weighed
          ? priceOfWeight(variant.price, how.weight)
          : variant.price),
    price_reason: how.price === undefined ? null : "label",
    off: null,
  };
  return [{ ...basket, lines: [...basket.lines, line] }, line];
}

/** Something that no product is. */
export function addedAmount(basket: Basket, title: string, amount: number, variant: number | null): Basket {
  const line: BasketLine = {
    key: nextKey(basket),
    variant,
    product: null,
    title,
    sku: "",
    options: [],
    tax_class: "standard",
    quantity: 1,
    weight: null,
    unit_price: amount,
    price_reason: "open",
    off: null,
  };
  return { ...basket, lines: [...basket.lines, line] };
}

export function changed(basket: Basket, key: string, change: Partial<BasketLine>): Basket {
  return {
    ...basket,
    lines: basket.lines.map((line) => (line.key === key ? { ...line, ...change } : line)),
  };
}

export function removed(basket: Basket, key: string): Basket {
  return { ...basket, lines: basket.lines.filter((line) => line.key !== key) };
}

function nextKey(basket: Basket): string {
  const last = basket.lines.reduce((most, line) => Math.max(most, Number(line.key)), 0);
  return String(last + 1).padStart(4, "0");
}

export const units = (basket: Basket) => basket.lines.reduce((sum, line) => sum + line.quantity, 0);

/** The day where the shop is, on which its tax rates apply. */
export function dayAt(moment: number, zone: string): string {
  return new Intl.DateTimeFormat("en-CA", {
    timeZone: zone,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
  }).format(moment);
}

const LINE = "till-line-";
export const WHOLE = "till-basket";

export function question(basket: Basket, snapshot: Snapshot, at: number): Question {
  const { pricing, shop } = snapshot;
  return {
    currency: pricing.currency,
    date: dayAt(at, shop.zone),
    at: new Date(at).toISOString(),
    lines: basket.lines.map((line) => ({
      id: line.key,
      quantity: line.quantity,
      unit_price: line.unit_price,
      tax_class: line.tax_class,
    })),
    taxes: pricing.taxes,
    codes: basket.codes,
    discounts: [
      ...pricing.discounts.map((rule) => ofLines(rule, basket)),
      ...basket.lines.flatMap((line) =>
        line.off === null ? [] : [manual(`${LINE}${line.key}`, line.off, "lines", [line.key])],
      ),
      ...(basket.off === null ? [] : [manual(WHOLE, basket.off, "order", null)]),
    ],
  };
}

/** A rule of the shop is about goods, one of the price function about lines. */
function ofLines({ title: _, variants, products, ...rule }: Rule, basket: Basket): Discount {
  if (variants == null && products == null) return rule;
  const lines = basket.lines
    .filter(
      (line) =>
        (line.variant !== null && variants?.includes(line.variant)) ||
        (line.product !== null && products?.includes(line.product)),
    )
    .map((line) => line.key);
  return { ...rule, lines };
}

function manual(id: string, off: Off, level: "lines" | "order", lines: string[] | null): Discount {
  const kind = off.percent === null ? "amount" : "percentage";
  return {
    id,
    kind,
    level,
    percent: off.percent ?? "0",
    amount: off.amount,
    lines,
    combines: true,
    priority: 1000,
  };
}

/** Null for a basket without lines.  Throws PriceRefused. */
export function priced(basket: Basket, snapshot: Snapshot, at: number): Breakdown | null {
  return basket.lines.length === 0 ? null : price(question(basket, snapshot, at));
}

export function saleLines(basket: Basket, calculation: Breakdown): SaleLine[] {
  const byId = new Map<string, PricedLine>(calculation.lines.map((line) => [line.id, line]));
  return basket.lines.flatMap((line, index) => {
    const told = byId.get(line.key);
    if (told === undefined) return [];
    return {
      line: index + 1,
      variant: line.variant,
      title: line.title,
      sku: line.sku,
      options: line.options,
      quantity: line.quantity,
      weight: line.weight,
      unit_price: line.unit_price,
      price_reason: line.price_reason,
      discount: told.discount,
      tax: told.tax,
      tax_included: calculation.included,
      amount: told.gross,
    };
  });
}

/** Who gave what off, and why. */
export function offsOf(basket: Basket): { id: string; reason: string; by: number }[] {
  return [
    ...basket.lines.flatMap((line) =>
      line.off === null ? [] : [{ id: `${LINE}${line.key}`, reason: line.off.reason, by: line.off.by }],
    ),
    ...(basket.off === null ? [] : [{ id: WHOLE, reason: basket.off.reason, by: basket.off.by }]),
  ];
}
