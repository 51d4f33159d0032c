// What an assistant does with money and goods.  Each is a fact of the journal first, and shown when that is safe.

import { timeOrderedId } from "../common/ids.ts";
import { empty, offsOf, saleLines } from "./basket.ts";
import { newToken } from "./device.ts";
import type { ReturnBody, Tender } from "./protocol.ts";
import { NoAnswer } from "./server.ts";
import type { Till } from "./till.ts";

/** Before money is taken: while there is a network, the last units are held. */
export async function beginPaying(till: Till): Promise<void> {
  const scarce = till.basket.lines.flatMap((line) => {
    const article = line.variant === null ? undefined : till.catalog?.article(line.variant);
    return article?.variant.scarce ? [{ variant: article.variant.id, quantity: line.quantity }] : [];
  });
  till.sheet = { name: "pay" };
  if (scarce.length > 0 && till.online && !till.training) {
    const id = timeOrderedId();
    till.busy = true;
    till.changed();
    try {
      await letGo(till);
      await till.server.hold(id, scarce);
      till.hold = id;
    } catch (problem) {
      if (problem instanceof NoAnswer && problem.status === 409)
        till.sheet = { name: "short", left: Number(problem.body["left"] ?? 0) };
      else till.online = till.online && problem instanceof NoAnswer && problem.status !== 0;
    }
    till.busy = false;
  }
  till.changed();
}

export async function letGo(till: Till): Promise<void> {
  const { hold } = till;
  till.hold = null;
  if (hold !== null) await till.server.release(hold).catch(() => undefined);
}

export async function sell(till: Till, tenders: readonly Tender[]): Promise<void> {
  const calculation = till.price;
  if (till.busy || calculation === null || till.snapshot === null || till.shift === null) return;
  const { total, tax } = calculation.totals;
  const change = tenders.reduce((sum, each) => sum + each.amount, 0) - total;
  const cash = tenders.reduce((sum, each) => sum + (each.kind === "cash" ? each.amount : 0), 0);
  if (change < 0 || change > cash) return;
  till.busy = true;
  till.changed();
  const fact = await till.note(
    "sale",
    {
      id: till.basket.id,
      number: null,
      token: newToken(),
      training: till.training,
      price_list: till.snapshot.pricing.version,
      offline: !till.online,
      lines: saleLines(till.basket, calculation),
      calculation,
      discounts: offsOf(till.basket),
      total,
      tax,
      tenders,
      change,
      rounding: 0,
      customer: till.basket.customer,
      locale: till.language,
      hold: till.hold,
    },
    undefined,
    { numbered: !till.training },
  );
  till.busy = false;
  if (fact === null) return;
  till.hold = null;
  till.sheet = { name: "receipt", fact, fresh: true };
  till.put(empty(), "");
  till.showCustomer({ total, change });
}

export async function giveBack(
  till: Till,
  body: Omit<ReturnBody, "id" | "number" | "offline" | "training" | "price_list">,
): Promise<void> {
  if (till.busy || till.snapshot === null || till.shift === null) return;
  till.busy = true;
  const fact = await till.note(
    "return",
    {
      ...body,
      id: timeOrderedId(),
      number: null,
      offline: !till.online,
      training: till.training,
      price_list: till.snapshot.pricing.version,
    },
    undefined,
    { numbered: !till.training },
  );
  till.busy = false;
  if (fact !== null) till.show({ name: "receipt", fact, fresh: true });
}

export async function openShift(till: Till, float: number): Promise<void> {
  const id = timeOrderedId();
  await till.note("shift.opened", { id, float }, undefined, { shift: id });
}

export async function closeShift(
  till: Till,
  counted: number,
  denominations: Record<string, number>,
): Promise<void> {
  const { shift, x } = till;
  if (shift === null || x === null) return;
  const expected = x.drawer;
  const fact = await till.note("shift.closed", {
    id: shift.id,
    counted,
    denominations,
    expected,
    difference: counted - expected,
  });
  if (fact !== null) till.show({ name: "receipt", fact, fresh: true, sums: x });
}
