// A receipt or a report as it is shown and printed.

import { useEffect, useState } from "preact/hooks";
import { renderSVG } from "uqr";
import { Icon } from "../common/icon.tsx";
import type { Sums } from "./drawer.ts";
import { drawerPulse, escpos } from "./escpos.ts";
import { amountText, type Of, Panel } from "./parts.tsx";
import * as printers from "./printers.ts";
import type { Fact } from "./protocol.ts";
import { type Place, type Row, reportRows, returnRows, saleRows } from "./receipt.ts";
import type { Till } from "./till.ts";

function placeOf(till: Till): Place | null {
  const { snapshot, say, language } = till;
  return snapshot === null ? null : { snapshot, say, language, origin: location.origin };
}

/** `sums`: of a shift that was closed, as they stood then; the server keeps its facts from then on. */
export function rowsOf(fact: Fact, till: Till, sums: Sums | null = null): Row[] {
  const place = placeOf(till);
  if (place === null) return [];
  if (fact.kind === "sale") return saleRows(fact, place);
  if (fact.kind === "return") {
    const { of } = fact.body;
    const sale = till.sales.find((each) =>
      "order" in of ? each.order === of.order : each.receipt === of.receipt,
    );
    return returnRows(fact, place, new Map(sale?.lines.map((line) => [line.line, line.title])));
  }
  if (fact.kind === "shift.closed" && sums !== null)
    return reportRows(till.say("z_report"), fact.at, sums, fact.body, place, fact.assistant);
  return [];
}

export function Paper({ rows }: { readonly rows: readonly Row[] }) {
  return (
    <div class="paper">
      {rows.map((row, at) => {
        const key = String(at);
        if ("rule" in row) return <hr key={key} />;
        if ("qr" in row)
          return (
            <img
              key={key}
              class="paper-qr"
              alt={row.qr}
              src={`data:image/svg+xml,${encodeURIComponent(renderSVG(row.qr, { ecc: "M", border: 2 }))}`}
            />
          );
        if ("left" in row)
          return (
            <p key={key} class={row.bold ? "paper-pair bold" : "paper-pair"}>
              <span>{row.left}</span>
              <span class="num">{row.right}</span>
            </p>
          );
        return (
          <p
            key={key}
            class={`paper-text ${row.align ?? "left"}${row.bold ? " bold" : ""}${row.big ? " big" : ""}`}
          >
            {row.text}
          </p>
        );
      })}
    </div>
  );
}

/** By the printer that was chosen; by the browser where it does not answer. */
async function print(till: Till, rows: readonly Row[], drawer: boolean): Promise<void> {
  const way = till.printer as printers.Way;
  if (way !== "browser") {
    try {
      await printers.send(way, escpos(rows, { drawer }));
      return;
    } catch {
      till.tell("bad", "printer_silent");
    }
  }
  window.print();
}

export async function openDrawer(till: Till): Promise<void> {
  if (till.printer === "browser") return;
  await printers
    .send(till.printer as printers.Way, drawerPulse())
    .catch(() => till.tell("bad", "printer_silent"));
}

export function ReceiptSheet({
  till,
  fact,
  fresh,
  sums,
}: Of & { readonly fact: Fact; readonly fresh: boolean; readonly sums?: Sums }) {
  const rows = rowsOf(fact, till, sums);
  const change = fact.kind === "sale" ? fact.body.change : 0;
  const cash = fact.kind === "sale" && fact.body.tenders.some((each) => each.kind === "cash");
  useEffect(() => {
    document.documentElement.dataset["shown"] = String(Math.round(performance.now()));
    // A printer of one's own prints by itself; the browser would ask each time.
    if (fresh && till.printer !== "browser") void print(till, rows, cash);
  }, []);
  const title =
    { "sale": "receipt", "return": "return", "shift.closed": "z_report" }[fact.kind as string] ?? "receipt";
  return (
    <Panel till={till} title={till.say(title)} wide>
      {fresh && fact.kind === "sale" && (
        <p class="done" data-done={fact.body.id}>
          <Icon name="check" big />
          <span>{till.say(change > 0 ? "give_change" : "paid")}</span>
          {change > 0 && <b class="num">{amountText(till, change)}</b>}
        </p>
      )}
      <Paper rows={rows} />
      <div class="panel-acts">
        <button
          type="button"
          class="button wide"
          onClick={() => {
            if (!fresh && fact.kind === "sale" && fact.body.number !== null && till.snapshot !== null)
              void till.note("receipt.reprinted", {
                receipt: `${till.snapshot.device.series}-${fact.body.number}`,
              });
            void print(till, rows, false);
          }}
        >
          <Icon name="receipt" /> {till.say("print")}
        </button>
        <button type="button" class="button main wide" onClick={() => till.show(null)}>
          {till.say(fresh && fact.kind === "sale" ? "next_sale" : "close")}
        </button>
      </div>
    </Panel>
  );
}

export function PrinterSheet({ till }: Of) {
  const [problem, setProblem] = useState("");
  const known = printers.ways();
  const pick = async (way: printers.Way) => {
    setProblem("");
    try {
      await printers.choose(way);
    } catch {
      setProblem(till.say("printer_none"));
      return;
    }
    till.printer = way;
    await till.keep();
    till.changed();
  };
  return (
    <Panel till={till} title={till.say("printer")}>
      <div class="stack">
        {(["usb", "serial", "browser"] as const).map((way) => (
          <button
            key={way}
            type="button"
            class="button wide"
            aria-pressed={till.printer === way}
            disabled={!known.includes(way)}
            onClick={() => void pick(way)}
          >
            {till.say(`printer_${way}`)}
          </button>
        ))}
        {problem !== "" && <p class="error">{problem}</p>}
        <p class="soft small">{till.say(known.length > 1 ? "printer_text" : "printer_only_browser")}</p>
      </div>
    </Panel>
  );
}
