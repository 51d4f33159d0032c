// The shift: opened with a counted float, closed with a blind count; cash in, cash out and the drawer between.

import { useState } from "preact/hooks";
import { Icon } from "../common/icon.tsx";
import { closeShift, openShift } from "./acts.ts";
import { Unsent } from "./app.tsx";
import { piecesOf } from "./drawer.ts";
import { openDrawer, Paper } from "./papers.tsx";
import { AmountField, amountText, type Of, Panel, readAmount, TextField } from "./parts.tsx";
import { reportRows } from "./receipt.ts";

export function OpenShift({ till }: Of) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const { value, problem } = readAmount(till, text);
  const send = async () => {
    if (busy || value === null) return;
    setBusy(true);
    await openShift(till, value);
    setBusy(false);
  };
  return (
    <main class="till-plain">
      <Icon name="shelf" big />
      <h1>{till.say("open_shift")}</h1>
      <p>{till.say("open_shift_text")}</p>
      <form
        class="till-form"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <AmountField till={till} focus label={till.say("float")} text={text} change={setText} />
        <button type="submit" class="button main wide" disabled={value === null || problem !== "" || busy}>
          {till.say("open_shift_button")}
        </button>
      </form>
    </main>
  );
}

const REASONS = {
  "cash.in": ["reason_change", "reason_other_in"],
  "cash.out": ["reason_supplier", "reason_expenses"],
  "cash.drop": ["reason_safe", "reason_bank"],
  "drawer.opened": ["reason_give_change", "reason_check"],
} as const;

export function CashSheet({ till, kind }: Of & { readonly kind: keyof typeof REASONS }) {
  const [text, setText] = useState("");
  const [reason, setReason] = useState("");
  const [busy, setBusy] = useState(false);
  const hasAmount = kind !== "drawer.opened";
  const { value } = readAmount(till, text);
  const send = async () => {
    if (busy || reason.trim() === "" || (hasAmount && !value)) return;
    setBusy(true);
    const said = reason.trim();
    const fact =
      kind === "drawer.opened"
        ? await till.note(kind, { reason: said })
        : await till.note(kind, { amount: value ?? 0, reason: said });
    setBusy(false);
    if (fact === null) return;
    await openDrawer(till);
    till.show(null);
    till.tell("good", "noted");
  };
  return (
    <Panel till={till} title={till.say(kind.replace(".", "_"))}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        {hasAmount && (
          <AmountField till={till} focus label={till.say("amount")} text={text} change={setText} />
        )}
        <div class="pick-row">
          {REASONS[kind].map((each) => (
            <button
              key={each}
              type="button"
              class="button small"
              aria-pressed={reason === till.say(each)}
              onClick={() => setReason(till.say(each))}
            >
              {till.say(each)}
            </button>
          ))}
        </div>
        <TextField label={till.say("reason")} text={reason} change={setReason} />
        <button
          type="submit"
          class="button main wide"
          disabled={busy || reason.trim() === "" || (hasAmount && !value)}
        >
          {till.say(hasAmount ? "note_down" : "open_drawer")}
        </button>
      </form>
    </Panel>
  );
}

export function ReportSheet({ till }: Of) {
  const { x, snapshot, say, language } = till;
  if (x === null || snapshot === null) return null;
  const place = { snapshot, say, language, origin: location.origin };
  const rows = reportRows(
    say("x_report"),
    new Date().toISOString(),
    x,
    null,
    place,
    till.assistant?.id ?? null,
  );
  return (
    <Panel till={till} title={say("x_report")} wide>
      <p class="soft small">{say("x_this_device")}</p>
      <Paper rows={rows} />
      <button type="button" class="button wide" onClick={() => window.print()}>
        {say("print")}
      </button>
    </Panel>
  );
}

export function CloseSheet({ till }: Of) {
  const pieces = piecesOf(till.currency);
  const [counts, setCounts] = useState<Readonly<Record<string, string>>>({});
  const [text, setText] = useState("");
  const [sure, setSure] = useState(false);
  const [busy, setBusy] = useState(false);
  const bad = Object.values(counts).some((each) => !/^\d{0,6}$/.test(each.trim()));
  const byPieces = pieces.reduce((sum, piece) => sum + piece * Number(counts[piece] || 0), 0);
  const counted = pieces.length > 0 ? (bad ? null : byPieces) : readAmount(till, text).value;
  const send = async () => {
    if (busy || counted === null) return;
    if (!sure) {
      setSure(true);
      return;
    }
    setBusy(true);
    const denominations = Object.fromEntries(
      Object.entries(counts).flatMap(([piece, count]) => (Number(count) > 0 ? [[piece, Number(count)]] : [])),
    );
    await closeShift(till, counted, denominations);
    setBusy(false);
  };
  return (
    <Panel till={till} title={till.say("close_shift")} wide>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <p>{till.say("close_shift_text")}</p>
        {till.parked.length > 0 && <p class="error">{till.say("close_parked", { n: till.parked.length })}</p>}
        {till.journal.unsent.length > 0 && (
          <p class="note wait">
            <Unsent till={till} /> {till.say("close_unsent")}
          </p>
        )}
        {pieces.length > 0 ? (
          <div class="pieces">
            {pieces.map((piece) => (
              <label key={piece} class="piece">
                <span class="num">{amountText(till, piece)} ×</span>
                <input
                  class="num"
                  inputMode="numeric"
                  autocomplete="off"
                  placeholder="0"
                  aria-label={till.say("how_many_of", { title: amountText(till, piece) })}
                  value={counts[piece] ?? ""}
                  onInput={(event) => {
                    setSure(false);
                    setCounts({ ...counts, [piece]: event.currentTarget.value });
                  }}
                />
              </label>
            ))}
          </div>
        ) : (
          <AmountField till={till} focus label={till.say("counted")} text={text} change={setText} />
        )}
        <p class="basket-sum total">
          <span>{till.say("counted")}</span>
          <b class="num">{amountText(till, counted ?? 0)}</b>
        </p>
        <button type="submit" class="button main wide" disabled={busy || counted === null}>
          {till.say(sure ? "close_shift_sure" : "close_shift_button")}
        </button>
      </form>
    </Panel>
  );
}
