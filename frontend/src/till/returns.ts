// What can still come back of which sale, by what this device knows: the receipts of the snapshot, and its own journal.

import { ofUnits } from "../pricing/rationals.ts";
import { type Fact, type KnownLine, type KnownSale, receiptName, type Snapshot } from "./protocol.ts";

export function saleOf(fact: Fact, series: string): KnownSale | null {
  if (fact.kind !== "sale" || fact.body.number === null) return null;
  return {
    receipt: receiptName(series, fact.body.number),
    token: fact.body.token,
    order: fact.body.id,
    channel: "till",
    at: fact.at,
    total: fact.body.total,
    lines: fact.body.lines.map((line) => ({ ...line, returned: 0 })),
  };
}

/** The sales that something can come back from without a network, the latest first. */
export function knownSales(snapshot: Snapshot, facts: readonly Fact[]): KnownSale[] {
  const { series, next_sequence } = snapshot.device;
  const back = (sale: KnownSale, line: number, from: number) =>
    facts.reduce(
      (sum, fact) =>
        fact.kind === "return" && !fact.body.training && fact.sequence >= from && isOf(fact.body.of, sale)
          ? sum + fact.body.lines.reduce((so, each) => so + (each.line === line ? each.quantity : 0), 0)
          : sum,
      0,
    );
  const counted = (sale: KnownSale, from: number): KnownSale => ({
    ...sale,
    lines: sale.lines.map((line) => ({
      ...line,
      ...since(line, back(sale, line.line, from)),
    })),
  });
  const known = new Map<string, KnownSale>();
  for (const sale of snapshot.receipts)
    if (!sale.training) known.set(sale.order, counted(sale, next_sequence));
  for (const fact of facts) {
    const own = saleOf(fact, series);
    if (own === null) continue;
    const mine = counted(own, 0);
    const told = known.get(own.order);
    const most = (line: KnownLine) =>
      Math.max(line.returned, told?.lines.find((each) => each.line === line.line)?.returned ?? 0);
    known.set(own.order, {
      ...mine,
      lines: mine.lines.map((line) => ({ ...line, returned: most(line) })),
    });
  }
  return [...known.values()].sort((one, other) => (one.at < other.at ? 1 : -1));
}

/** A line of which so many more came back. */
function since(line: KnownLine, units: number): Partial<KnownLine> {
  const returned = Math.min(line.quantity, line.returned + units);
  return line.returnable === undefined
    ? { returned }
    : { returned, returnable: Math.max(0, line.returnable - units) };
}

function isOf(of: { order?: string; receipt?: string }, sale: KnownSale): boolean {
  return of.order === sale.order || (of.receipt !== undefined && of.receipt === sale.receipt);
}

export function findSale(sales: readonly KnownSale[], text: string): KnownSale | undefined {
  const wanted = text.trim();
  const token = /\/receipts\/([\w-]+)/.exec(wanted)?.[1] ?? wanted;
  const number = /^\d{1,6}$/.test(wanted) ? wanted.padStart(6, "0") : null;
  return sales.find(
    (sale) =>
      sale.token === token ||
      sale.receipt?.toLowerCase() === wanted.toLowerCase() ||
      (number !== null && sale.receipt?.endsWith(`-${number}`)),
  );
}

export const returnable = (line: KnownLine) => Math.max(0, line.returnable ?? line.quantity - line.returned);

/** What so many more units of a line give back: all refunds of a line sum to what was paid for it. */
export function amountOf(line: KnownLine, units: number): number {
  if (units === 0) return 0;
  if (line.units)
    return line.units.slice(line.returned, line.returned + units).reduce((sum, each) => sum + each, 0);
  return (
    ofUnits(line.amount, line.quantity, line.returned + units) -
    ofUnits(line.amount, line.quantity, line.returned)
  );
}
