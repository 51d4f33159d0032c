// What page and server say to each other: docs/till-protocol.md.  Amounts are minor units, weights grams.

import type { Breakdown, Discount, Taxes } from "../pricing/models.ts";

export interface Named {
  readonly id: number;
  readonly name: string;
}
export interface Shop {
  readonly slug: string;
  readonly name: string;
  readonly currency: string;
  readonly locale: string;
  readonly zone: string;
  readonly country?: string;
}
export interface Paired {
  readonly device: string;
  readonly secret: string;
  readonly series: string;
  readonly register: Named;
  readonly location: Named;
  readonly shop: Shop;
}

export interface Assistant {
  readonly id: number;
  readonly name: string;
  readonly rights: readonly string[];
  readonly manager: boolean;
  readonly pin: { readonly salt: string; readonly iterations: number; readonly hash: string } | null;
}
export interface Variant {
  readonly id: number;
  readonly title: string;
  readonly options: readonly string[];
  readonly sku: string;
  readonly barcode: string | null;
  /** Of one unit; of a kilogram where it is `weighed`. */
  readonly price: number;
  readonly tax_class: string;
  readonly weighed: boolean;
  readonly available: number;
  readonly escrow: number;
  readonly scarce: boolean;
}
export interface Product {
  readonly id: number;
  readonly title: string;
  /** By language, where the merchant wrote others. */
  readonly titles?: Readonly<Record<string, string>>;
  readonly category?: string | null;
  readonly collections?: readonly number[];
  readonly picture: string | null;
  readonly keys: string;
  readonly variants: readonly Variant[];
}
/** A rule of the shop.  `variants` and `products`: what it is about; without either all goods. */
export type Rule = Discount & {
  readonly title?: string;
  readonly variants?: readonly number[] | null;
  readonly products?: readonly number[] | null;
};
export interface Pattern {
  readonly prefix: string;
  readonly item_digits: number;
  readonly value_digits: number;
  readonly value: "weight" | "price";
  readonly decimals: number;
}
export interface OpenShift {
  readonly id: string;
  readonly number?: number | null;
  readonly opened_at: string;
  readonly assistant: number | null;
  readonly float: number;
}
export interface KnownLine {
  readonly line: number;
  readonly variant: number | null;
  readonly title: string;
  readonly options?: readonly string[];
  readonly quantity: number;
  readonly returned: number;
  readonly amount: number;
  readonly returnable?: number;
  /** What each unit cost, the first one first. */
  readonly units?: readonly number[];
}
/** A sale that something can come back from. */
export interface KnownSale {
  readonly receipt: string | null;
  readonly token?: string;
  readonly order: string;
  readonly number?: number;
  readonly channel?: string;
  readonly at: string;
  readonly name?: string;
  readonly total: number;
  readonly training?: boolean;
  readonly lines: readonly KnownLine[];
}
export interface Snapshot {
  readonly version: string;
  readonly server_time: string;
  readonly device: {
    readonly id: string;
    readonly series: string;
    readonly next_sequence: number;
    readonly next_number: number;
    readonly last_hash: string;
  };
  readonly register: Named;
  readonly location: Named;
  readonly shop: Shop;
  readonly shift: OpenShift | null;
  readonly assistants: readonly Assistant[];
  readonly products: readonly Product[];
  readonly collections: readonly Pick<Product, "id" | "title" | "titles">[];
  readonly pricing: {
    readonly version: string;
    readonly currency: string;
    readonly taxes: Taxes;
    readonly discounts: readonly Rule[];
  };
  readonly barcode_patterns: readonly Pattern[];
  readonly tenders: readonly string[];
  readonly limits: {
    readonly offline_cash_return: number;
    readonly discount_percent: number;
    readonly pin_attempts: number;
  };
  readonly open_amount_variant: number | null;
  readonly receipts: readonly KnownSale[];
}

export interface Tender {
  readonly kind: "cash" | "card_terminal";
  readonly amount: number;
  readonly slip?: string;
}
export interface SaleLine {
  readonly line: number;
  readonly variant: number | null;
  readonly title: string;
  readonly sku: string;
  readonly options: readonly string[];
  readonly quantity: number;
  readonly weight: number | null;
  readonly unit_price: number;
  readonly price_reason: string | null;
  readonly discount: number;
  readonly tax: number;
  readonly tax_included: boolean;
  readonly amount: number;
}
export interface SaleBody {
  readonly id: string;
  /** Null: practice, which counts nowhere. */
  readonly number: number | null;
  readonly token: string;
  readonly training: boolean;
  readonly price_list: string;
  readonly offline: boolean;
  readonly lines: readonly SaleLine[];
  readonly calculation: Breakdown | null;
  readonly discounts: readonly { readonly id: string; readonly reason: string; readonly by: number }[];
  readonly total: number;
  readonly tax: number;
  readonly tenders: readonly Tender[];
  readonly change: number;
  readonly rounding: number;
  readonly customer: { readonly name: string; readonly phone: string; readonly email: string } | null;
  readonly locale: string;
  readonly hold: string | null;
}
export interface ReturnLine {
  readonly line: number;
  readonly quantity: number;
  readonly condition: "as_new" | "damaged";
  readonly restock: boolean;
  readonly amount: number;
}
export interface ReturnBody {
  readonly id: string;
  readonly number: number | null;
  readonly of: { readonly order: string } | { readonly receipt: string };
  readonly offline: boolean;
  readonly training: boolean;
  readonly lines: readonly ReturnLine[];
  readonly refund: readonly Tender[];
  readonly reason: string;
  readonly price_list: string;
  readonly approved_by: number | null;
}
export interface CashBody {
  readonly amount: number;
  readonly reason: string;
}
export interface ClosedBody {
  readonly id: string;
  readonly counted: number;
  readonly denominations: Readonly<Record<string, number>>;
  readonly expected: number;
  readonly difference: number;
}
export interface Bodies {
  "shift.opened": { readonly id: string; readonly float: number };
  "sale": SaleBody;
  "return": ReturnBody;
  "cash.in": CashBody;
  "cash.out": CashBody;
  "cash.drop": CashBody;
  "drawer.opened": { readonly reason: string };
  "shift.closed": ClosedBody;
  "pin.locked": { readonly tries: number };
  "pin.unlocked": { readonly by: number };
  "line.removed": { readonly variant: number | null; readonly title: string; readonly quantity: number };
  "receipt.reprinted": { readonly receipt: string };
  "basket.abandoned": { readonly lines: number; readonly total: number };
}
export type Kind = keyof Bodies;
export interface FactOf<K extends Kind> {
  readonly sequence: number;
  readonly at: string;
  readonly kind: K;
  readonly assistant: number | null;
  readonly shift: string | null;
  readonly body: Bodies[K];
  readonly previous: string;
  readonly hash: string;
}
export type Fact = { [K in Kind]: FactOf<K> }[Kind];

export interface Task {
  readonly sequence: number;
  readonly code: string;
}

export const NO_HASH = "0".repeat(64);

/** The merchant's words in this language. */
export function titleOf({ title, titles = {} }: Pick<Product, "title" | "titles">, language: string): string {
  return (
    titles[language] ?? titles[language.replace("-", "_")] ?? titles[language.split("-")[0] ?? ""] ?? title
  );
}

/** "A1-000030": what stands on the receipt. */
export function receiptName(series: string, number: number): string {
  return `${series}-${String(number).padStart(6, "0")}`;
}
