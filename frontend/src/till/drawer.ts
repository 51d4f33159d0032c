// What is in the drawer and what a shift has sold, added up from the journal: X while it runs, Z when it is closed.

import type { Fact } from "./protocol.ts";

export interface Sums {
  readonly float: number;
  readonly sales: number;
  readonly returns: number;
  readonly gross: number;
  readonly tax: number;
  readonly refunded: number;
  readonly cash: number;
  readonly card: number;
  readonly cashBack: number;
  readonly cardBack: number;
  readonly paidIn: number;
  readonly paidOut: number;
  readonly dropped: number;
  readonly opened: number;
  /** What has to be in the drawer. */
  readonly drawer: number;
}

const NOTHING: Sums = {
  float: 0,
  sales: 0,
  returns: 0,
  gross: 0,
  tax: 0,
  refunded: 0,
  cash: 0,
  card: 0,
  cashBack: 0,
  cardBack: 0,
  paidIn: 0,
  paidOut: 0,
  dropped: 0,
  opened: 0,
  drawer: 0,
};

/** Of the facts of one shift; what was sold for practice counts nowhere.  `float`: where another device opened it. */
export function sums(facts: readonly Fact[], shift: string, float = 0): Sums {
  const told: { -readonly [name in keyof Sums]: number } = { ...NOTHING, float };
  for (const fact of facts) {
    if (fact.shift !== shift) continue;
    switch (fact.kind) {
      case "shift.opened":
        told.float = fact.body.float;
        break;
      case "sale": {
        if (fact.body.training) break;
        const { tenders, change } = fact.body;
        told.sales += 1;
        told.gross += fact.body.total;
        told.tax += fact.body.tax;
        told.cash += of(tenders, "cash") - change;
        told.card += of(tenders, "card_terminal");
        break;
      }
      case "return":
        if (fact.body.training) break;
        told.returns += 1;
        told.refunded += fact.body.refund.reduce((sum, each) => sum + each.amount, 0);
        told.cashBack += of(fact.body.refund, "cash");
        told.cardBack += of(fact.body.refund, "card_terminal");
        break;
      case "cash.in":
        told.paidIn += fact.body.amount;
        break;
      case "cash.out":
        told.paidOut += fact.body.amount;
        break;
      case "cash.drop":
        told.dropped += fact.body.amount;
        break;
      case "drawer.opened":
        told.opened += 1;
        break;
      default:
    }
  }
  told.drawer = told.float + told.cash - told.cashBack + told.paidIn - told.paidOut - told.dropped;
  return told;
}

function of(tenders: readonly { readonly kind: string; readonly amount: number }[], kind: string): number {
  return tenders.reduce((sum, each) => sum + (each.kind === kind ? each.amount : 0), 0);
}

/** Notes and coins in minor units, the largest first; none for a currency whose pieces are not known here. */
const PIECES: Readonly<Record<string, readonly number[]>> = {
  CNY: [10000, 5000, 2000, 1000, 500, 100, 50, 10],
  EUR: [20000, 10000, 5000, 2000, 1000, 500, 200, 100, 50, 20, 10, 5, 2, 1],
  USD: [10000, 5000, 2000, 1000, 500, 100, 25, 10, 5, 1],
  GBP: [5000, 2000, 1000, 500, 200, 100, 50, 20, 10, 5, 2, 1],
  JPY: [10000, 5000, 1000, 500, 100, 50, 10, 5, 1],
  HKD: [100000, 50000, 10000, 5000, 2000, 1000, 500, 200, 100, 50, 20, 10],
  CHF: [20000, 10000, 5000, 2000, 1000, 500, 200, 100, 50, 20, 10, 5],
};

export const piecesOf = (currency: string): readonly number[] => PIECES[currency] ?? [];

/** What a customer is likely to hand over for this, the sum itself first. */
export function quickCash(due: number, currency: string): number[] {
  const rounded = piecesOf(currency)
    .filter((piece) => piece >= due / 200)
    .map((piece) => Math.ceil(due / piece) * piece);
  const more = [...new Set(rounded)].filter((each) => each > due).sort((one, other) => one - other);
  return [due, ...more.slice(-4)];
}
