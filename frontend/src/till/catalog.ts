// All goods in memory: found by code in one step, by words in one pass.

import { hasCheckDigit, labelOf, plainCode } from "./barcodes.ts";
import type { Pattern, Product, Snapshot, Variant } from "./protocol.ts";

export interface Article {
  readonly product: Product;
  readonly variant: Variant;
}
export type Scanned =
  | { readonly is: "article"; readonly article: Article; readonly weight?: number; readonly price?: number }
  | { readonly is: "receipt"; readonly token: string }
  | { readonly is: "number"; readonly receipt: string }
  /** `why`: unknown, a label without a product, a label that says nothing, or a code that was misread. */
  | {
      readonly is: "nothing";
      readonly why: "unknown" | "label" | "empty_label" | "misread";
      readonly code: string;
    };

export class Catalog {
  readonly products: readonly Product[];
  private readonly byId = new Map<number, Article>();
  private readonly byCode = new Map<string, Article>();
  private readonly words: string[] = [];
  private readonly patterns: readonly Pattern[];
  private readonly decimals: number;

  constructor(snapshot: Pick<Snapshot, "products" | "barcode_patterns">, decimals: number) {
    this.products = snapshot.products;
    this.patterns = snapshot.barcode_patterns;
    this.decimals = decimals;
    // Barcodes come after SKUs: where both say the same, the barcode is meant.
    for (const product of this.products) {
      let text = `${product.title} ${product.keys}`;
      for (const variant of product.variants) {
        const article = { product, variant };
        this.byId.set(variant.id, article);
        if (variant.sku) this.byCode.set(variant.sku.toLowerCase(), article);
        text += ` ${variant.sku} ${variant.barcode ?? ""} ${variant.options.join(" ")}`;
      }
      this.words.push(text.normalize("NFKC").toLowerCase());
    }
    for (const article of this.byId.values())
      if (article.variant.barcode) this.byCode.set(plainCode(article.variant.barcode).toLowerCase(), article);
  }

  article(variant: number): Article | undefined {
    return this.byId.get(variant);
  }

  /** Products that have all of these words, those whose title begins with them first. */
  find(wanted: string, most: number): Product[] {
    const asked = wanted.normalize("NFKC").toLowerCase().trim();
    if (asked === "") return this.products.slice(0, most);
    const parts = asked.split(/\s+/);
    const first: Product[] = [];
    const rest: Product[] = [];
    for (let at = 0; at < this.words.length; at++) {
      const text = this.words[at] ?? "";
      if (!parts.every((part) => text.includes(part))) continue;
      const product = this.products[at];
      if (product) (text.startsWith(asked) ? first : rest).push(product);
      if (first.length >= most) break;
    }
    return [...first, ...rest].slice(0, most);
  }

  /** What was scanned or typed as a code.  A code is only ever known as a whole. */
  scan(text: string): Scanned {
    const code = text.trim();
    const token = /\/receipts\/([\w-]{16,64})(?:[?#].*)?$/.exec(code)?.[1];
    if (token !== undefined) return { is: "receipt", token };
    const known = this.byCode.get(plainCode(code).toLowerCase());
    if (known !== undefined) return { is: "article", article: known };
    if (/^[A-Z]{1,4}\d{1,4}-\d{6,}$/i.test(code)) return { is: "number", receipt: code.toUpperCase() };
    const label = labelOf(code, this.patterns, this.decimals);
    if (label !== null) {
      const article = label.items.map((item) => this.byCode.get(item)).find((each) => each !== undefined);
      if (article === undefined) return { is: "nothing", why: "label", code };
      if (label.value <= 0) return { is: "nothing", why: "empty_label", code };
      return label.pattern.value === "weight"
        ? { is: "article", article, weight: label.value }
        : { is: "article", article, price: label.value };
    }
    const misread = /^\d{13}$/.test(code) && !hasCheckDigit(code);
    return { is: "nothing", why: misread ? "misread" : "unknown", code };
  }
}
