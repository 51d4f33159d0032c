// Goods that come back, and the receipts of the last sales.

import { useEffect, useState } from "preact/hooks";
import { Icon } from "../common/icon.tsx";
import { giveBack } from "./acts.ts";
import { Approval, amountText, Choice, type Of, Panel, Stepper, TextField } from "./parts.tsx";
import type { KnownSale, Tender } from "./protocol.ts";
import { receiptName } from "./protocol.ts";
import { amountOf, findSale, returnable } from "./returns.ts";
import { NoAnswer } from "./server.ts";

function dateText(at: string, language: string, zone: string): string {
  return new Intl.DateTimeFormat(language, {
    dateStyle: "medium",
    timeStyle: "short",
    timeZone: zone,
  }).format(Date.parse(at));
}

export function SalesSheet({ till }: Of) {
  const facts = till.journal.facts
    .filter((fact) => fact.kind === "sale" || fact.kind === "return")
    .reverse()
    .slice(0, 100);
  const { language, snapshot } = till;
  const series = snapshot?.device.series ?? "";
  return (
    <Panel till={till} title={till.say("last_sales")} wide>
      {facts.length === 0 ? (
        <p class="till-empty">
          <Icon name="receipt" big />
          {till.say("no_sales")}
        </p>
      ) : (
        <ul class="list">
          {facts.map((fact) => (
            <li key={fact.sequence}>
              <button
                type="button"
                class="list-row"
                onClick={() => till.show({ name: "receipt", fact, fresh: false })}
              >
                <span>
                  <b>
                    {fact.body.number === null ? till.say("training") : receiptName(series, fact.body.number)}
                  </b>
                  <span class="soft small">
                    {dateText(fact.at, language, snapshot?.shop.zone ?? "UTC")}
                    {fact.kind === "return" && ` · ${till.say("return")}`}
                    {fact.sequence > till.journal.counters.taken && ` · ${till.say("not_sent")}`}
                  </span>
                </span>
                <span class="num">
                  {fact.kind === "sale"
                    ? amountText(till, fact.body.total)
                    : `−${amountText(
                        till,
                        fact.body.refund.reduce((sum, each) => sum + each.amount, 0),
                      )}`}
                </span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

export function ReturnSheet({ till, find }: Of & { readonly find: string }) {
  const [text, setText] = useState(find);
  const [found, setFound] = useState<readonly KnownSale[] | null>(null);
  const [chosen, setChosen] = useState<KnownSale | null>(null);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const look = async (wanted: string) => {
    setProblem("");
    setBusy(true);
    const here = findSale(till.sales, wanted);
    let told: readonly KnownSale[] = here === undefined ? [] : [here];
    try {
      const { sales } = await till.server.find(wanted);
      // What this device did and has not sent yet, the server does not know.
      told = sales.length > 0 && till.journal.unsent.length === 0 ? sales : here ? told : sales;
      if (told.length === 0) setProblem("return_unknown");
    } catch (trouble) {
      const isAway = !(trouble instanceof NoAnswer) || trouble.status === 0 || trouble.status >= 500;
      if (told.length === 0) setProblem(isAway ? "return_needs_network" : "return_unknown");
    }
    setBusy(false);
    setFound(told);
    setChosen(told.length === 1 ? (told[0] ?? null) : null);
  };
  useEffect(() => {
    setText(find);
    if (find !== "") void look(find);
  }, [find]);
  const offered = found?.length ? found : till.sales.slice(0, 20);
  if (chosen !== null) return <Back till={till} sale={chosen} away={() => setChosen(null)} />;
  return (
    <Panel till={till} title={till.say("return")} wide>
      <form
        class="row find"
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim() !== "") void look(text.trim());
        }}
      >
        <TextField label={till.say("return_find")} text={text} change={setText} focus />
        <button type="submit" class="button main" disabled={busy} aria-busy={busy}>
          {till.say("find")}
        </button>
      </form>
      {problem !== "" && (
        <p class="error" role="alert">
          <Icon name="alert" /> {till.say(problem)}
        </p>
      )}
      {offered.length === 0 && problem === "" && <p class="soft">{till.say("no_sales")}</p>}
      <ul class="list">
        {offered.map((sale) => (
          <li key={sale.order}>
            <button type="button" class="list-row" onClick={() => setChosen(sale)}>
              <span>
                <b>{sale.receipt ?? `#${sale.number ?? ""}`}</b>
                <span class="soft small">
                  {dateText(sale.at, till.language, till.snapshot?.shop.zone ?? "UTC")}
                  {sale.name ? ` · ${sale.name}` : ""}
                </span>
              </span>
              <span class="num">{amountText(till, sale.total)}</span>
            </button>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Back({ till, sale, away }: Of & { readonly sale: KnownSale; readonly away: () => void }) {
  const [taken, setTaken] = useState<Readonly<Record<number, number>>>({});
  const [condition, setCondition] = useState<"as_new" | "damaged">("as_new");
  const [kind, setKind] = useState<Tender["kind"]>("cash");
  const [slip, setSlip] = useState("");
  const [reason, setReason] = useState("");
  const [asks, setAsks] = useState(false);
  const lines = sale.lines.flatMap((line) => {
    const quantity = taken[line.line] ?? 0;
    return quantity === 0
      ? []
      : [
          {
            line: line.line,
            quantity,
            condition,
            restock: condition === "as_new",
            amount: amountOf(line, quantity),
          },
        ];
  });
  const sum = lines.reduce((so, each) => so + each.amount, 0);
  const limit = till.snapshot?.limits.offline_cash_return ?? 0;
  const back = till.x;
  const beyond = !till.online && sum > limit;
  const tooLittle = kind === "cash" && back !== null && sum > back.drawer && till.may("close");
  const give = (by: number | null) =>
    giveBack(till, {
      of: sale.receipt === null ? { order: sale.order } : { receipt: sale.receipt },
      lines,
      refund: [kind === "cash" ? { kind, amount: sum } : { kind, amount: sum, slip: slip.trim() }],
      reason: reason.trim(),
      approved_by: by,
    });
  if (asks)
    return (
      <Panel till={till} title={till.say("needs_approval")} close={() => setAsks(false)}>
        <Approval till={till} right="return" done={(by) => void give(by.id)} />
      </Panel>
    );
  const nothing = sale.lines.every((line) => returnable(line) === 0);
  return (
    <Panel till={till} title={`${till.say("return")} ${sale.receipt ?? `#${sale.number ?? ""}`}`} wide>
      <button type="button" class="button plain small start" onClick={away}>
        <Icon name="back" /> {till.say("other_sale")}
      </button>
      {nothing && <p class="soft">{till.say("all_returned")}</p>}
      <ul class="list">
        {sale.lines.map((line) => (
          <li key={line.line} class="list-row">
            <span>
              <b>{line.title}</b>
              <span class="soft small num">
                {line.quantity} · {amountText(till, line.amount)}
                {line.returned > 0 && ` · ${till.say("returned", { n: line.returned })}`}
              </span>
            </span>
            {returnable(line) > 0 && (
              <Stepper
                till={till}
                label={till.say("how_many_of", { title: line.title })}
                value={taken[line.line] ?? 0}
                least={0}
                most={returnable(line)}
                change={(value) => setTaken({ ...taken, [line.line]: value })}
              />
            )}
          </li>
        ))}
      </ul>
      {!nothing && (
        <>
          <Choice
            label={till.say("condition")}
            options={[
              ["as_new", till.say("as_new")],
              ["damaged", till.say("damaged")],
            ]}
            chosen={condition}
            choose={setCondition}
          />
          <TextField label={till.say("reason")} text={reason} change={setReason} />
          {till.online && (
            <Choice
              label={till.say("refund_by")}
              options={[
                ["cash", till.say("cash")],
                ["card_terminal", till.say("card_terminal")],
              ]}
              chosen={kind}
              choose={setKind}
            />
          )}
          {kind === "card_terminal" && (
            <TextField label={till.say("slip")} text={slip} change={setSlip} most={40} />
          )}
          {beyond && (
            <p class="error" role="alert">
              {till.say("return_over_limit", { limit: amountText(till, limit) })}
            </p>
          )}
          {tooLittle && <p class="error">{till.say("drawer_too_little")}</p>}
          <button
            type="button"
            class="button buy wide pay"
            disabled={
              lines.length === 0 || beyond || till.busy || (kind === "card_terminal" && slip.trim() === "")
            }
            onClick={() => (till.may("return") ? void give(null) : setAsks(true))}
          >
            {till.say("give_back", { amount: amountText(till, sum) })}
          </button>
        </>
      )}
    </Panel>
  );
}
