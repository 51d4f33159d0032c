// Exact parts of whole amounts.

export interface Fraction {
  readonly over: bigint;
  readonly under: bigint;
}

/** The part of one that a percentage is; null where this is none. */
export function ratio(percent: string): Fraction | null {
  const found = /^([0-9]{1,6})(?:\.([0-9]{1,6}))?$/.exec(percent);
  if (found === null) return null;
  const decimals = found[2] ?? "";
  return { over: BigInt(`${found[1]}${decimals}`), under: 100n * 10n ** BigInt(decimals.length) };
}

/** To whole minor units, a half upwards; of amounts that are not below zero. */
export function rounded(over: bigint, under: bigint): number {
  return Number((2n * over + under) / (2n * under));
}

export function times(amount: number, part: Fraction): number {
  return rounded(BigInt(amount) * part.over, part.under);
}

/** Split `total` by weights that are not below zero: largest remainder, ties go to the earlier part. */
export function splitMinor(total: number, weights: readonly (number | bigint)[]): number[] {
  const given = weights.map(BigInt);
  const shares = given.some((each) => each > 0n) ? given : given.map(() => 1n);
  const whole = shares.reduce((sum, each) => sum + each, 0n);
  const sign = total < 0 ? -1 : 1;
  const amount = BigInt(Math.abs(total));
  const parts = shares.map((share) => Number((amount * share) / whole));
  const rests = shares.map((share) => (amount * share) % whole);
  const order = shares
    .map((_, index) => index)
    .sort((one, other) => {
      const [mine = 0n, theirs = 0n] = [rests[one], rests[other]];
      return mine === theirs ? one - other : mine > theirs ? -1 : 1;
    });
  const left = Math.abs(total) - parts.reduce((sum, each) => sum + each, 0);
  for (const index of order.slice(0, left)) parts[index] = (parts[index] ?? 0) + 1;
  return parts.map((part) => (part === 0 ? 0 : sign * part));
}

/** Share a refund over what was paid and not given back yet: no part gets more than is left of it. */
export function refundParts(paid: readonly number[], refunded: readonly number[], amount: number): number[] {
  const left = paid.map((each, index) => each - (refunded[index] ?? 0));
  if (left.some((each) => each < 0) || amount < 0 || amount > left.reduce((sum, each) => sum + each, 0))
    throw new RangeError("more than was paid and is left");
  return left.some((each) => each > 0) ? splitMinor(amount, left) : left.map(() => 0);
}

/** What was paid for the first `units` of a line of `quantity`: differences of it sum to `paid` exactly. */
export function ofUnits(paid: number, quantity: number, units: number): number {
  if (quantity < 1 || units < 0 || units > quantity) throw new RangeError("the line has not so many units");
  return rounded(BigInt(paid) * BigInt(units), BigInt(quantity));
}
