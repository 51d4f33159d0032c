// What the till's page can show, and what of it is kept on the device.

import type { Basket } from "./basket.ts";
import type { Article } from "./catalog.ts";
import type { Sums } from "./drawer.ts";
import type { Fact } from "./protocol.ts";

/** What is open over the sales screen. */
export type Sheet =
  | {
      readonly name:
        | "pay"
        | "menu"
        | "parked"
        | "sales"
        | "report"
        | "close"
        | "open_amount"
        | "printer"
        | "keys"
        | "camera"
        | "tasks"
        | "customer"
        | "code"
        | "basket_discount";
    }
  | { readonly name: "cash"; readonly kind: "cash.in" | "cash.out" | "cash.drop" | "drawer.opened" }
  | { readonly name: "return"; readonly find: string }
  | { readonly name: "receipt"; readonly fact: Fact; readonly fresh: boolean; readonly sums?: Sums }
  | { readonly name: "variants"; readonly article: Article }
  | { readonly name: "weigh"; readonly article: Article }
  | { readonly name: "line"; readonly key: string }
  | { readonly name: "availability"; readonly article: Article }
  | { readonly name: "short"; readonly left: number };
export type Screen = "starting" | "elsewhere" | "pair" | "locked_out" | "broken" | "till";
export interface Notice {
  readonly kind: "good" | "bad" | "wait";
  readonly text: string;
}
export interface Kept {
  readonly basket: Basket;
  readonly parked: readonly Basket[];
  readonly training: boolean;
  readonly tries: number;
  readonly locked: boolean;
  readonly language: string;
  readonly printer: string;
}
/** Beside the database, for the case that a browser clears it: what was there. */
export interface Hint {
  readonly register: string;
  readonly series: string;
  readonly unsent: number;
}

/** What the customer's window is told. */
export interface Shown {
  readonly language: string;
  readonly currency: string;
  readonly total: number;
  readonly lines: readonly {
    readonly title: string;
    readonly quantity: number;
    readonly weight: number | null;
    readonly amount: number;
  }[];
  readonly paid?: { readonly total: number; readonly change: number };
}
