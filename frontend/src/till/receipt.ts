// What stands on a receipt, row by row: the same rows on the screen, on paper by the browser and on an 80 mm printer.

import type { Say } from "../common/words.ts";
import type { Sums } from "./drawer.ts";
import { money } from "./money.ts";
import { type FactOf, receiptName, type Snapshot } from "./protocol.ts";

export type Row =
  | {
      readonly text: string;
      readonly align?: "left" | "center" | "right";
      readonly bold?: boolean;
      readonly big?: boolean;
    }
  | { readonly left: string; readonly right: string; readonly bold?: boolean }
  | { readonly rule: true }
  | { readonly qr: string };

export interface Place {
  readonly snapshot: Snapshot;
  readonly origin: string;
  readonly say: Say;
  readonly language: string;
}

const RULE: Row = { rule: true };

function moment(at: string, { snapshot, language }: Place): string {
  return new Intl.DateTimeFormat(language, {
    dateStyle: "medium",
    timeStyle: "short",
    timeZone: snapshot.shop.zone,
  }).format(Date.parse(at));
}

function head(place: Place, at: string, assistant: number | null, training: boolean): Row[] {
  const { snapshot, say } = place;
  const name = snapshot.assistants.find((each) => each.id === assistant)?.name;
  return [
    { text: snapshot.shop.name, align: "center", bold: true, big: true },
    { text: snapshot.location.name, align: "center" },
    ...(training ? [{ text: say("receipt_training"), align: "center", bold: true } as const] : []),
    { text: moment(at, place), align: "center" },
    { text: [snapshot.register.name, name].filter(Boolean).join(" · "), align: "center" },
  ];
}

/** "0.275 kg", "1.5 kg" */
export function kilograms(grams: number, language: string): string {
  return `${new Intl.NumberFormat(language, { maximumFractionDigits: 3 }).format(grams / 1000)} kg`;
}

export function saleRows(fact: FactOf<"sale">, place: Place): Row[] {
  const { snapshot, say, language, origin } = place;
  const { body } = fact;
  const amount = (minor: number) => money(minor, snapshot.shop.currency, language);
  const rows: Row[] = [...head(place, fact.at, fact.assistant, body.training), RULE];
  if (body.number !== null)
    rows.push({ left: say("receipt"), right: receiptName(snapshot.device.series, body.number), bold: true });
  for (const line of body.lines) {
    rows.push({ left: [line.title, ...line.options].join(" · "), right: amount(line.amount) });
    if (line.weight !== null) rows.push({ text: `  ${kilograms(line.weight, language)}` });
    else if (line.quantity !== 1) rows.push({ text: `  ${line.quantity} × ${amount(line.unit_price)}` });
    if (line.discount > 0) rows.push({ text: `  ${say("discount")} −${amount(line.discount)}` });
  }
  rows.push(RULE);
  rows.push({ left: say("total"), right: amount(body.total), bold: true });
  for (const tax of body.calculation?.taxes ?? [])
    rows.push({
      left: say(body.calculation?.included ? "tax_included" : "tax_added", {
        name: tax.name || say("tax"),
        rate: `${tax.rate}%`,
      }),
      right: amount(tax.tax),
    });
  for (const tender of body.tenders)
    rows.push({
      left: tender.slip ? say("card_slip", { slip: tender.slip }) : say(tender.kind),
      right: amount(tender.amount),
    });
  if (body.change > 0) rows.push({ left: say("change"), right: amount(body.change) });
  rows.push(RULE);
  if (body.training) rows.push({ text: say("receipt_training_note"), align: "center" });
  else {
    rows.push({ qr: `${origin}/s/${snapshot.shop.slug}/receipts/${body.token}` });
    rows.push({ text: say("receipt_keep"), align: "center" });
    rows.push({ text: say("price_list", { version: body.price_list.slice(0, 8) }), align: "center" });
  }
  return rows;
}

export function returnRows(fact: FactOf<"return">, place: Place, titles: ReadonlyMap<number, string>): Row[] {
  const { snapshot, say, language } = place;
  const { body } = fact;
  const amount = (minor: number) => money(minor, snapshot.shop.currency, language);
  const rows: Row[] = [...head(place, fact.at, fact.assistant, body.training), RULE];
  rows.push({
    left: say("return"),
    right: body.number === null ? "" : receiptName(snapshot.device.series, body.number),
    bold: true,
  });
  if ("receipt" in body.of) rows.push({ left: say("of_receipt"), right: body.of.receipt });
  for (const line of body.lines)
    rows.push({
      left: `${line.quantity} × ${titles.get(line.line) ?? ""}`,
      right: `−${amount(line.amount)}`,
    });
  rows.push(RULE);
  for (const tender of body.refund)
    rows.push({
      left: tender.slip ? say("card_slip", { slip: tender.slip }) : say(tender.kind),
      right: `−${amount(tender.amount)}`,
      bold: true,
    });
  if (body.reason) rows.push({ text: body.reason });
  rows.push(RULE, { text: say("signature"), align: "left" }, { text: " " }, RULE);
  return rows;
}

export function reportRows(
  title: string,
  at: string,
  sums: Sums,
  counted: { readonly counted: number; readonly difference: number } | null,
  place: Place,
  assistant: number | null,
): Row[] {
  const { snapshot, say, language } = place;
  const amount = (minor: number) => money(minor, snapshot.shop.currency, language);
  const pairs: [string, string][] = [
    [say("sales"), String(sums.sales)],
    [say("takings"), amount(sums.gross)],
    [say("tax"), amount(sums.tax)],
    [say("returns"), String(sums.returns)],
    [say("refunded"), amount(sums.refunded)],
    [say("cash"), amount(sums.cash)],
    [say("card_terminal"), amount(sums.card)],
    [say("float"), amount(sums.float)],
    [say("cash_in"), amount(sums.paidIn)],
    [say("cash_out"), amount(sums.paidOut)],
    [say("cash_drop"), amount(sums.dropped)],
    [say("drawer_opened"), String(sums.opened)],
  ];
  return [
    ...head(place, at, assistant, false),
    RULE,
    { text: title, align: "center", bold: true, big: true },
    ...pairs.map(([left, right]) => ({ left, right })),
    RULE,
    { left: say("expected"), right: amount(sums.drawer), bold: true },
    ...(counted === null
      ? []
      : [
          { left: say("counted"), right: amount(counted.counted), bold: true },
          { left: say("difference"), right: amount(counted.difference), bold: true },
        ]),
  ];
}
