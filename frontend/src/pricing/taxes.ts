// The tax in a price or on top of it: which rates, and how much to the cent.

import type { Place, Question, Rate, Taxes, TaxLine, TaxShare } from "./models.ts";
import { covers, sameCountry } from "./places.ts";
import { type Fraction, ratio, rounded, splitMinor, times } from "./rationals.ts";

const STANDARD = "standard";

export interface Applied {
  readonly told: Omit<TaxShare, "tax">;
  readonly part: Fraction;
  /** Two that are told and reckoned alike are one. */
  readonly key: string;
}
export interface Taxable {
  readonly amount: number;
  readonly rates: readonly Applied[];
}
export interface Taxed {
  readonly net: number;
  readonly tax: number;
  readonly gross: number;
  readonly shares: readonly (readonly [Applied, number])[];
}

export function keyOf(rates: readonly Applied[]): string {
  return JSON.stringify(rates.map((rate) => rate.key));
}

export function taxPlace(question: Question, pickUp: Place | null): Place {
  const rules = question.taxes ?? {};
  const origin = rules.origin ?? {};
  if (rules.place === "origin") return origin;
  if (pickUp !== null) return pickUp.country ? pickUp : origin;
  return question.destination?.country ? question.destination : origin;
}

interface Fitting {
  readonly closeness: number;
  readonly from: string;
  readonly number: number;
  readonly rate: Rate;
}

function later(one: Fitting, other: Fitting): number {
  if (one.closeness !== other.closeness) return one.closeness - other.closeness;
  if (one.from !== other.from) return one.from < other.from ? -1 : 1;
  return other.number - one.number;
}

const classOf = (rate: Rate) => rate.tax_class ?? STANDARD;

/** The rates for a class at a place on a day: the closest one, and those that are levied beside it. */
export function applying(rules: Taxes, taxClass: string, place: Place, day: string): Applied[] {
  if (taxClass === "none") return [];
  const fitting: Fitting[] = (rules.rates ?? [])
    .map((rate, number) => ({
      closeness: closeness(rate, place),
      from: rate.valid_from ?? "0001-01-01",
      number,
      rate,
    }))
    .filter(({ rate }) => [taxClass, STANDARD].includes(classOf(rate)) && applies(rate, place, day));
  const hasOwn = fitting.some((each) => each.closeness > 0);
  const instead = (wanted: string) =>
    fitting.filter((each) => classOf(each.rate) === wanted && !each.rate.adds);
  const beside = (wanted: string) =>
    onceEach(
      fitting.filter(
        (each) => classOf(each.rate) === wanted && each.rate.adds && (each.closeness > 0 || !hasOwn),
      ),
    );
  const closest = instead(taxClass).length > 0 ? instead(taxClass) : instead(STANDARD);
  const added =
    instead(taxClass).length > 0 || beside(taxClass).length > 0 ? beside(taxClass) : beside(STANDARD);
  const chosen = [...closest].sort(later).at(-1);
  return [...(chosen ? [chosen.rate] : []), ...added].map(applied);
}

/** Each additional rate once, as it was set last. */
function onceEach(fitting: readonly Fitting[]): Rate[] {
  const last = new Map<string, Fitting>();
  for (const each of fitting) {
    const { country, regions = [], postcodes = [], name = "" } = each.rate;
    const key = JSON.stringify([country.toUpperCase(), regions, postcodes, name]);
    const known = last.get(key);
    if (known === undefined || later(known, each) < 0) last.set(key, each);
  }
  return [...last.values()].sort((one, other) => one.number - other.number).map((each) => each.rate);
}

function applies(rate: Rate, place: Place, day: string): boolean {
  return (
    (!rate.valid_from || rate.valid_from <= day) &&
    (!rate.valid_until || day <= rate.valid_until) &&
    covers([rate.country], rate.regions ?? [], rate.postcodes ?? [], place)
  );
}

function closeness(rate: Rate, place: Place): number {
  if (!sameCountry(rate.country, place)) return 0;
  return 1 + (rate.regions?.length ? 1 : 0) + (rate.postcodes?.length ? 2 : 0);
}

function applied(rate: Rate): Applied {
  const told = {
    country: rate.country.toUpperCase(),
    region: rate.regions?.[0] ?? "",
    tax_class: classOf(rate),
    name: rate.name ?? "",
    rate: rate.rate,
  };
  return {
    told,
    part: ratio(rate.rate) ?? { over: 0n, under: 1n },
    key: JSON.stringify(Object.values(told)),
  };
}

/** The tax of each, rounded once: for each item, or for all that have the same rates together. */
export function levy(items: readonly Taxable[], included: boolean, rounding: "line" | "order"): Taxed[] {
  const groups = new Map<string, number[]>();
  items.forEach((item, index) => {
    const key = rounding === "order" ? keyOf(item.rates) : String(index);
    groups.set(key, [...(groups.get(key) ?? []), index]);
  });
  const told: Taxed[] = [];
  for (const members of groups.values()) {
    const amounts = members.map((index) => items[index]?.amount ?? 0);
    const rates = items[members[0] ?? 0]?.rates ?? [];
    const shares = included ? inside(amounts, rates) : onTop(amounts, rates);
    members.forEach((index, at) => {
      const mine = shares[at] ?? [];
      const amount = amounts[at] ?? 0;
      const tax = mine.reduce((sum, each) => sum + each, 0);
      told[index] = {
        net: included ? amount - tax : amount,
        tax,
        gross: included ? amount : amount + tax,
        shares: rates.map((rate, number) => [rate, mine[number] ?? 0] as const),
      };
    });
  }
  return told;
}

/** Each tax is reckoned for itself. */
function onTop(amounts: readonly number[], rates: readonly Applied[]): number[][] {
  const whole = amounts.reduce((sum, each) => sum + each, 0);
  const byRate = rates.map((rate) => splitMinor(times(whole, rate.part), amounts));
  return amounts.map((_, index) => byRate.map((shares) => shares[index] ?? 0));
}

/** All taxes are taken out of the price at once; no line gives more than it has. */
function inside(amounts: readonly number[], rates: readonly Applied[]): number[][] {
  const told: number[][] = amounts.map(() => []);
  if (rates.length === 0) return told;
  const scale = rates.reduce((product, rate) => product * rate.part.under, 1n);
  const parts = rates.map((rate) => (rate.part.over * scale) / rate.part.under);
  const together = parts.reduce((sum, each) => sum + each, 0n);
  const whole = BigInt(amounts.reduce((sum, each) => sum + each, 0));
  const tax = rounded(whole * together, scale + together);
  let left = [...amounts];
  for (const taken of splitMinor(tax, parts)) {
    const shares = splitMinor(taken, left);
    left = left.map((amount, index) => amount - (shares[index] ?? 0));
    shares.forEach((share, index) => {
      told[index]?.push(share);
    });
  }
  return told;
}

/** The taxes of a line, or of the parts of one, each rate once. */
export function sharesTold(taxed: readonly Taxed[]): TaxShare[] {
  return taxLines(taxed).map(({ net: _, ...share }) => share);
}

/** Each rate of the order once, in the order in which lines have them. */
export function taxLines(taxed: readonly Taxed[]): TaxLine[] {
  const sums = new Map<string, TaxLine>();
  for (const item of taxed) {
    for (const [rate, tax] of item.shares) {
      const known = sums.get(rate.key);
      sums.set(rate.key, {
        ...rate.told,
        net: (known?.net ?? 0) + item.net,
        tax: (known?.tax ?? 0) + tax,
      });
    }
  }
  return [...sums.values()];
}
