// The price function: lines, rules, destination and day in, every cent out.  Discounts, then shipping, then tax; lines
// are reckoned in the order of their ids, so that the order in which they come moves no cent.

import { check, MAX_MINOR } from "./check.ts";
import * as discounts from "./discounts.ts";
import {
  type Breakdown,
  type Line,
  type Method,
  type Option,
  PriceRefused,
  type Question,
} from "./models.ts";
import { splitMinor } from "./rationals.ts";
import { offered } from "./shipping.ts";
import * as taxes from "./taxes.ts";

const sum = (numbers: readonly number[]) => numbers.reduce((so, each) => so + each, 0);

function sorted(question: Question): Question {
  const lines = [...question.lines].sort((one, other) =>
    one.id < other.id ? -1 : one.id > other.id ? 1 : 0,
  );
  return { ...question, lines };
}

/** The ways of delivery of this order, with their prices before discounts. */
export function options(question: Question): Option[] {
  check(question);
  const asked = sorted(question);
  return offered(asked, sum(discounts.apply(asked).left));
}

/** What the order costs.  Throws PriceRefused. */
export function price(given: Question): Breakdown {
  check(given);
  const question = sorted(given);
  const found = discounts.apply(question);
  const [way, sentFor] = chosen(question, sum(found.left));
  const off = discounts.shippingDiscount(found, question, sentFor);
  const sentAmount = sentFor - sum([...off.values()]);
  const included = question.taxes?.included ?? true;
  const goods = taxable(question, found.left, way);
  const parts = shippingParts(question, goods, sentAmount, way);
  const taxed = taxes.levy([...goods, ...parts], included, question.taxes?.rounding ?? "line");
  const sent = taxed.slice(goods.length);
  if (sum(taxed.map((each) => each.gross)) > MAX_MINOR) throw new PriceRefused("pricing.too_large", "total");
  const lines = question.lines.map((line, index) => {
    const listed = line.quantity * line.unit_price;
    const left = found.left[index] ?? 0;
    const each = taxed[index] ?? { net: 0, tax: 0, gross: 0, shares: [] };
    return {
      id: line.id,
      quantity: line.quantity,
      unit_price: line.unit_price,
      listed,
      discount: listed - left,
      amount: left,
      net: each.net,
      tax: each.tax,
      gross: each.gross,
      discounts: discounts.shares(found.taken[index] ?? new Map()),
      taxes: taxes.sharesTold([each]),
    };
  });
  const shipping = {
    method: question.method ?? null,
    listed: sentFor,
    discount: sentFor - sentAmount,
    amount: sentAmount,
    net: sum(sent.map((each) => each.net)),
    tax: sum(sent.map((each) => each.tax)),
    gross: sum(sent.map((each) => each.gross)),
    discounts: discounts.shares(off),
    taxes: taxes.sharesTold(sent),
  };
  const all = [...lines, shipping];
  const goodsGross = sum(lines.map((line) => line.gross));
  const byId = new Map(lines.map((line) => [line.id, line]));
  return {
    currency: question.currency,
    included,
    lines: given.lines.flatMap((line) => byId.get(line.id) ?? []),
    shipping,
    discounts: discounts.inOrder(question.discounts ?? []).flatMap((each) => found.told.get(each.id) ?? []),
    unknown_codes: discounts.unknownCodes(question),
    taxes: taxes.taxLines(taxed),
    totals: {
      listed: sum(all.map((each) => each.listed)),
      discount: sum(all.map((each) => each.discount)),
      goods: goodsGross,
      shipping: shipping.gross,
      net: sum(all.map((each) => each.net)),
      tax: sum(all.map((each) => each.tax)),
      total: goodsGross + shipping.gross,
    },
  };
}

/** The way of delivery and its price. */
function chosen(question: Question, goods: number): [Method | null, number] {
  const { method } = question;
  if (method == null) return [null, 0];
  const option = offered(question, goods).find((each) => each.id === method);
  const way = question.shipping?.methods?.find((each) => each.id === method);
  if (option === undefined || way === undefined) throw new PriceRefused("pricing.no_delivery", method);
  return [way, option.amount];
}

const pickedUpAt = (method: Method | null) => (method?.kind === "pick_up" ? (method.place ?? {}) : null);

function taxable(question: Question, left: readonly number[], method: Method | null): taxes.Taxable[] {
  const place = taxes.taxPlace(question, pickedUpAt(method));
  const known = new Map<string, taxes.Applied[]>();
  const ratesOf = (line: Line) => {
    const name = line.tax_class ?? "standard";
    const rates = known.get(name) ?? taxes.applying(question.taxes ?? {}, name, place, question.date);
    known.set(name, rates);
    return rates;
  };
  return question.lines.map((line, index) => ({ amount: left[index] ?? 0, rates: ratesOf(line) }));
}

/** Shipping as it is taxed: by a class of its own, or in parts at the rates of the goods, by their value. */
function shippingParts(
  question: Question,
  goods: readonly taxes.Taxable[],
  amount: number,
  method: Method | null,
): taxes.Taxable[] {
  if (amount === 0) return [];
  const rules = question.taxes ?? {};
  if (rules.shipping_class != null) {
    const place = taxes.taxPlace(question, pickedUpAt(method));
    return [{ amount, rates: taxes.applying(rules, rules.shipping_class, place, question.date) }];
  }
  const values = new Map<string, [readonly taxes.Applied[], number]>();
  for (const each of goods) {
    const key = taxes.keyOf(each.rates);
    values.set(key, [each.rates, (values.get(key)?.[1] ?? 0) + each.amount]);
  }
  const parts = [...values.values()];
  const shares = splitMinor(
    amount,
    parts.map(([, value]) => value),
  );
  return parts.map(([rates], index) => ({ amount: shares[index] ?? 0, rates }));
}
