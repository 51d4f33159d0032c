// What a question may say: a name that is not known is refused, for it would be a rule that does not hold.

import { PriceRefused, type Question } from "./models.ts";
import { ratio } from "./rationals.ts";

export const MAX_MINOR = 1e12;
const MAX_QUANTITY = 1_000_000;
const MAX_GRAMS = 1e9;

type Kind = "text" | "whole" | "yes" | "day" | "texts" | Fields | readonly [Fields];
interface Fields {
  readonly [name: string]: Kind;
}

const place: Fields = { country: "text", region: "text", postcode: "text" };
const QUESTION: Fields = {
  currency: "text",
  date: "day",
  lines: [{ id: "text", quantity: "whole", unit_price: "whole", tax_class: "text", weight: "whole" }],
  destination: place,
  method: "text",
  taxes: {
    included: "yes",
    rounding: "text",
    place: "text",
    origin: place,
    shipping_class: "text",
    rates: [
      {
        country: "text",
        rate: "text",
        tax_class: "text",
        regions: "texts",
        postcodes: "texts",
        name: "text",
        valid_from: "day",
        valid_until: "day",
        adds: "yes",
      },
    ],
  },
  shipping: {
    zones: [
      {
        id: "text",
        countries: "texts",
        regions: "texts",
        postcodes: "texts",
        except_regions: "texts",
        except_postcodes: "texts",
      },
    ],
    methods: [
      {
        id: "text",
        kind: "text",
        zone: "text",
        by: "text",
        amount: "whole",
        steps: [{ amount: "whole", up_to: "whole" }],
        free_from: "whole",
        countries: "texts",
        postcodes: "texts",
        place,
      },
    ],
  },
  discounts: [
    {
      id: "text",
      kind: "text",
      level: "text",
      percent: "text",
      amount: "whole",
      every: "whole",
      steps: [{ from_amount: "whole", amount: "whole" }],
      lines: "texts",
      code: "text",
      minimum: "whole",
      minimum_quantity: "whole",
      cap: "whole",
      starts_at: "text",
      ends_at: "text",
      priority: "whole",
      combines: "yes",
    },
  ],
  codes: "texts",
  at: "text",
};

/** Throws PriceRefused with the code of the server's refusal. */
export function check(question: Question): void {
  shape(question, QUESTION, "");
  if (!/^[A-Z]{3}$/.test(question.currency)) throw new PriceRefused("pricing.malformed", "currency");
  if (question.lines.length === 0) throw new PriceRefused("pricing.empty");
  if (question.lines.length > 1000) throw new PriceRefused("pricing.too_large", "lines");
  unique(question.lines);
  let together = 0;
  for (const line of question.lines) {
    if (!/^[\0-\x7f]{1,64}$/.test(line.id)) throw new PriceRefused("pricing.malformed", "lines.id");
    within("quantity", line.quantity, MAX_QUANTITY, 1);
    within("unit_price", line.unit_price, MAX_MINOR);
    within("weight", line.weight, MAX_GRAMS);
    together += line.quantity * line.unit_price;
  }
  if (together > MAX_MINOR) throw new PriceRefused("pricing.too_large", "total");
  for (const rate of question.taxes?.rates ?? []) percentage(rate.rate, 1000);
  unique(question.shipping?.zones ?? []);
  unique(question.shipping?.methods ?? []);
  for (const method of question.shipping?.methods ?? [])
    for (const amount of [
      method.amount,
      method.free_from,
      ...(method.steps ?? []).flatMap((step) => [step.amount, step.up_to]),
    ])
      within("amount", amount, MAX_MINOR);
  discounts(question);
}

function discounts(question: Question): void {
  const given = question.discounts ?? [];
  unique(given);
  const known = new Set(question.lines.map((line) => line.id));
  for (const discount of given) {
    percentage(discount.percent ?? "0", 100);
    for (const amount of [discount.amount, discount.minimum, discount.minimum_quantity, discount.cap])
      within("amount", amount, MAX_MINOR);
    within("every", discount.every, MAX_MINOR, 1);
    for (const step of discount.steps ?? [])
      for (const amount of [step.from_amount, step.amount]) within("steps", amount, MAX_MINOR);
    if ((discount.lines ?? []).some((id) => !known.has(id)))
      throw new PriceRefused("pricing.malformed", "discounts.lines");
    for (const moment of [discount.starts_at, discount.ends_at])
      if (moment != null && (!isMoment(question.at) || !isMoment(moment)))
        throw new PriceRefused("pricing.malformed", "at");
  }
}

const isMoment = (text: string | null | undefined) => text != null && /T.*(?:Z|[+-]\d\d:?\d\d)$/.test(text);

function within(field: string, value: number | null | undefined, most: number, least = 0): void {
  if (value == null) return;
  if (value < least) throw new PriceRefused("pricing.negative", field);
  if (value > most) throw new PriceRefused("pricing.too_large", field);
}

function percentage(text: string, most: number): void {
  if (text.startsWith("-")) throw new PriceRefused("pricing.negative", "rate");
  const found = ratio(text);
  if (found === null) throw new PriceRefused("pricing.rate", text);
  if (found.over * 100n > found.under * BigInt(most)) throw new PriceRefused("pricing.too_large", "rate");
}

function unique(named: readonly { readonly id: string }[]): void {
  if (new Set(named.map((each) => each.id)).size < named.length)
    throw new PriceRefused("pricing.malformed", "an id stands twice");
}

function shape(value: unknown, kind: Kind, path: string): void {
  if (value === null || value === undefined) return;
  const is = (good: boolean) => {
    if (!good) throw new PriceRefused("pricing.malformed", path);
  };
  if (kind === "text") is(typeof value === "string");
  else if (kind === "whole") is(Number.isSafeInteger(value));
  else if (kind === "yes") is(typeof value === "boolean");
  else if (kind === "day") is(isDay(value));
  else if (kind === "texts") is(Array.isArray(value) && value.every((each) => typeof each === "string"));
  else if (isList(kind)) {
    is(Array.isArray(value));
    for (const each of value as unknown[]) shape(each, kind[0], path);
  } else {
    is(typeof value === "object" && !Array.isArray(value));
    for (const [name, part] of Object.entries(value as object)) {
      const known = kind[name];
      if (known === undefined) throw new PriceRefused("pricing.malformed", `${path}.${name}`);
      shape(part, known, `${path}.${name}`);
    }
  }
}

const isList = (kind: Kind): kind is readonly [Fields] => Array.isArray(kind);

function isDay(value: unknown): boolean {
  if (typeof value !== "string" || !/^\d{4}-\d\d-\d\d$/.test(value)) return false;
  const day = new Date(`${value}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(value);
}
