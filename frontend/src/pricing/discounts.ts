// Which discounts apply, and each line's share of them to the cent: the best of each line first, then those of the
// order on what is left, then those of shipping.

import type { Discount, DiscountShare, Question, Told } from "./models.ts";
import { caseless } from "./places.ts";
import { ratio, splitMinor, times } from "./rationals.ts";

export interface Discounted {
  readonly left: number[];
  readonly taken: Map<string, number>[];
  readonly told: Map<string, Told>;
}

const sum = (numbers: readonly number[]) => numbers.reduce((so, each) => so + each, 0);
const no = (id: string, why: string, missing = 0): Told => ({ id, amount: 0, why, missing });
const foldedCode = (code: string) => caseless(code.trim());

export function apply(question: Question): Discounted {
  const found: Discounted = {
    left: question.lines.map((line) => line.quantity * line.unit_price),
    taken: question.lines.map(() => new Map()),
    told: new Map(),
  };
  const running: Discount[] = [];
  for (const discount of inOrder(question.discounts ?? [])) {
    const why = notRunning(discount, question);
    if (why === null) running.push(discount);
    else found.told.set(discount.id, no(discount.id, why));
  }
  const goods = running.filter((each) => each.kind !== "free_shipping");
  itemLevel(
    found,
    question,
    goods.filter((each) => each.level === "lines"),
  );
  return orderLevel(
    found,
    question,
    goods.filter((each) => (each.level ?? "order") === "order"),
  );
}

/** What is taken off the price of shipping; told in `found`. */
export function shippingDiscount(found: Discounted, question: Question, amount: number): Map<string, number> {
  const taken = new Map<string, number>();
  for (const discount of inOrder(question.discounts ?? [])) {
    if (discount.kind !== "free_shipping" || found.told.has(discount.id)) continue;
    const hindrance = hindered(discount, question, found);
    const free = Math.min(amount - sum([...taken.values()]), discount.cap ?? Number.POSITIVE_INFINITY);
    if (hindrance === null && free > 0) {
      taken.set(discount.id, free);
      found.told.set(discount.id, { id: discount.id, amount: free, why: null, missing: 0 });
    } else found.told.set(discount.id, hindrance ?? no(discount.id, "nothing_left"));
  }
  return taken;
}

export function unknownCodes(question: Question): string[] {
  const known = (question.discounts ?? []).flatMap((each) =>
    each.code == null ? [] : [foldedCode(each.code)],
  );
  return (question.codes ?? []).filter((code) => !known.includes(foldedCode(code)));
}

/** By priority, then by id: always the same. */
export function inOrder(discounts: readonly Discount[]): Discount[] {
  return [...discounts].sort(
    (one, other) =>
      (one.priority ?? 0) - (other.priority ?? 0) || (one.id < other.id ? -1 : one.id > other.id ? 1 : 0),
  );
}

export const shares = (taken: ReadonlyMap<string, number>): DiscountShare[] =>
  [...taken].map(([id, amount]) => ({ id, amount }));

function notRunning(discount: Discount, question: Question): string | null {
  const { code, starts_at, ends_at } = discount;
  if (code != null && !(question.codes ?? []).map(foldedCode).includes(foldedCode(code))) return "no_code";
  if (question.at == null) return null;
  const at = Date.parse(question.at);
  if (starts_at != null && at < Date.parse(starts_at)) return "not_started";
  return ends_at != null && at >= Date.parse(ends_at) ? "ended" : null;
}

/** The lines it is about. */
function mine(discount: Discount, question: Question): number[] {
  return question.lines.flatMap((line, index) =>
    discount.lines == null || discount.lines.includes(line.id) ? [index] : [],
  );
}

/** Why it does not apply to what its lines come to now. */
function hindered(discount: Discount, question: Question, found: Discounted): Told | null {
  const about = mine(discount, question);
  const goods = sum(about.map((index) => found.left[index] ?? 0));
  const units = sum(about.map((index) => question.lines[index]?.quantity ?? 0));
  const steps = (discount.steps ?? []).map((step) => step.from_amount);
  const least = Math.max(
    discount.minimum ?? 0,
    discount.every ?? 0,
    steps.length > 0 ? Math.min(...steps) : 0,
  );
  const fewest = discount.minimum_quantity ?? 0;
  if (about.length === 0) return no(discount.id, "no_line");
  if (goods < least) return no(discount.id, "below_minimum", least - goods);
  return units < fewest ? no(discount.id, "too_few", fewest - units) : null;
}

/** What it takes off goods of this price, never more than they cost. */
function worth(discount: Discount, goods: number, units = 1): number {
  let off: number;
  if (discount.kind === "percentage")
    off = times(goods, ratio(discount.percent ?? "0") ?? { over: 0n, under: 1n });
  else if (discount.steps?.length)
    off = Math.max(
      0,
      ...discount.steps.filter((step) => step.from_amount <= goods).map((step) => step.amount),
    );
  else if (discount.every != null) off = (discount.amount ?? 0) * Math.floor(goods / discount.every);
  else off = (discount.amount ?? 0) * units;
  return Math.min(off, goods, discount.cap ?? goods);
}

function itemLevel(found: Discounted, question: Question, discounts: readonly Discount[]): void {
  const open: Discount[] = [];
  for (const discount of discounts) {
    const hindrance = hindered(discount, question, found);
    if (hindrance === null) open.push(discount);
    else found.told.set(discount.id, hindrance);
  }
  const sums = new Map(open.map((discount) => [discount.id, 0]));
  question.lines.forEach((line, index) => {
    let best: readonly [number, string] = [0, ""];
    for (const discount of open) {
      if (discount.lines != null && !discount.lines.includes(line.id)) continue;
      let off = worth(discount, found.left[index] ?? 0, line.quantity);
      if (discount.cap != null) off = Math.min(off, discount.cap - (sums.get(discount.id) ?? 0));
      if (off > best[0]) best = [off, discount.id];
    }
    const [off, id] = best;
    if (off === 0) return;
    found.left[index] = (found.left[index] ?? 0) - off;
    found.taken[index]?.set(id, off);
    sums.set(id, (sums.get(id) ?? 0) + off);
  });
  for (const discount of open) {
    const amount = sums.get(discount.id) ?? 0;
    const hasWorth = mine(discount, question).some((index) => {
      const line = question.lines[index];
      return line !== undefined && worth(discount, line.quantity * line.unit_price, line.quantity) > 0;
    });
    const why = amount > 0 ? null : hasWorth ? "other_is_better" : "nothing_left";
    found.told.set(discount.id, { id: discount.id, amount, why, missing: 0 });
  }
}

/** Either one that stands alone or all that combine, whichever lowers the price more. */
function orderLevel(found: Discounted, question: Question, discounts: readonly Discount[]): Discounted {
  const ways = [
    ...discounts.filter((each) => !each.combines).map((each) => [each]),
    discounts.filter((each) => each.combines),
  ];
  let best: Discounted | null = null;
  for (const way of ways) {
    const tried: Discounted = {
      left: [...found.left],
      taken: found.taken.map((taken) => new Map(taken)),
      told: new Map(),
    };
    for (const discount of way) take(tried, question, discount);
    if (best === null || sum(tried.left) < sum(best.left)) best = tried;
  }
  if (best === null) return found;
  for (const discount of discounts) {
    if (!best.told.has(discount.id))
      best.told.set(discount.id, hindered(discount, question, found) ?? no(discount.id, "other_is_better"));
  }
  return { left: best.left, taken: best.taken, told: new Map([...found.told, ...best.told]) };
}

function take(tried: Discounted, question: Question, discount: Discount): void {
  const hindrance = hindered(discount, question, tried);
  if (hindrance !== null) {
    tried.told.set(discount.id, hindrance);
    return;
  }
  const about = mine(discount, question);
  const amounts = about.map((index) => tried.left[index] ?? 0);
  const off = worth(discount, sum(amounts));
  splitMinor(off, amounts).forEach((share, at) => {
    const index = about[at] ?? 0;
    tried.left[index] = (tried.left[index] ?? 0) - share;
    if (share > 0) tried.taken[index]?.set(discount.id, share);
  });
  tried.told.set(discount.id, {
    id: discount.id,
    amount: off,
    why: off > 0 ? null : "nothing_left",
    missing: 0,
  });
}
