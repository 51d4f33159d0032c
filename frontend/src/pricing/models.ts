// The question a price answers, and the answer: docs/price-function.md.  The twin of src/shopfloor/pricing; both are
// tested with tests/vectors/pricing.json.  Amounts are whole minor units, percentages decimal strings.

export interface Place {
  readonly country?: string;
  readonly region?: string;
  readonly postcode?: string;
}
export interface Line {
  readonly id: string;
  readonly quantity: number;
  readonly unit_price: number;
  readonly tax_class?: string;
  readonly weight?: number;
}
export interface Rate {
  readonly country: string;
  readonly rate: string;
  readonly tax_class?: string;
  readonly regions?: readonly string[];
  readonly postcodes?: readonly string[];
  readonly name?: string;
  readonly valid_from?: string | null;
  readonly valid_until?: string | null;
  readonly adds?: boolean;
}
export interface Taxes {
  readonly included?: boolean;
  readonly rounding?: "line" | "order";
  readonly place?: "destination" | "origin";
  readonly origin?: Place;
  readonly shipping_class?: string | null;
  readonly rates?: readonly Rate[];
}
export interface Zone {
  readonly id: string;
  readonly countries: readonly string[];
  readonly regions?: readonly string[];
  readonly postcodes?: readonly string[];
  readonly except_regions?: readonly string[];
  readonly except_postcodes?: readonly string[];
}
export interface PriceStep {
  readonly amount: number;
  readonly up_to?: number | null;
}
export interface Method {
  readonly id: string;
  readonly kind?: "ship" | "local" | "pick_up";
  readonly zone?: string;
  readonly by?: "flat" | "weight" | "value";
  readonly amount?: number;
  readonly steps?: readonly PriceStep[];
  readonly free_from?: number | null;
  readonly countries?: readonly string[];
  readonly postcodes?: readonly string[];
  readonly place?: Place;
}
export interface Shipping {
  readonly zones?: readonly Zone[];
  readonly methods?: readonly Method[];
}
export interface Discount {
  readonly id: string;
  readonly kind: "percentage" | "amount" | "free_shipping";
  readonly level?: "lines" | "order";
  readonly percent?: string;
  readonly amount?: number;
  readonly every?: number | null;
  readonly steps?: readonly { readonly from_amount: number; readonly amount: number }[];
  readonly lines?: readonly string[] | null;
  readonly code?: string | null;
  readonly minimum?: number;
  readonly minimum_quantity?: number;
  readonly cap?: number | null;
  readonly starts_at?: string | null;
  readonly ends_at?: string | null;
  readonly priority?: number;
  readonly combines?: boolean;
}
export interface Question {
  readonly currency: string;
  readonly date: string;
  readonly lines: readonly Line[];
  readonly destination?: Place;
  readonly method?: string | null;
  readonly taxes?: Taxes;
  readonly shipping?: Shipping;
  readonly discounts?: readonly Discount[];
  readonly codes?: readonly string[];
  readonly at?: string | null;
}

export interface TaxShare {
  readonly country: string;
  readonly region: string;
  readonly tax_class: string;
  readonly name: string;
  readonly rate: string;
  readonly tax: number;
}
export type TaxLine = TaxShare & { readonly net: number };
export interface DiscountShare {
  readonly id: string;
  readonly amount: number;
}
export interface Told {
  readonly id: string;
  readonly amount: number;
  readonly why: string | null;
  readonly missing: number;
}
interface Priced {
  readonly listed: number;
  readonly discount: number;
  readonly amount: number;
  readonly net: number;
  readonly tax: number;
  readonly gross: number;
  readonly discounts: readonly DiscountShare[];
  readonly taxes: readonly TaxShare[];
}
export type PricedLine = Priced & {
  readonly id: string;
  readonly quantity: number;
  readonly unit_price: number;
};
export type PricedShipping = Priced & { readonly method: string | null };
export interface Totals {
  readonly listed: number;
  readonly discount: number;
  readonly goods: number;
  readonly shipping: number;
  readonly net: number;
  readonly tax: number;
  readonly total: number;
}
export interface Breakdown {
  readonly currency: string;
  readonly included: boolean;
  readonly lines: readonly PricedLine[];
  readonly shipping: PricedShipping;
  readonly discounts: readonly Told[];
  readonly unknown_codes: readonly string[];
  readonly taxes: readonly TaxLine[];
  readonly totals: Totals;
}
export interface Option {
  readonly id: string;
  readonly kind: string;
  readonly amount: number;
}

/** `code` is that of the server's refusal (docs/refusals.md). */
export class PriceRefused extends Error {
  readonly code: string;
  constructor(code: string, field = "") {
    super(`${code} ${field}`.trim());
    this.code = code;
  }
}
