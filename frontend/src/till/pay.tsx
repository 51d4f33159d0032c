// Taking money: cash with change, the slip of a standalone card terminal, or both.

import { useState } from "preact/hooks";
import { Icon } from "../common/icon.tsx";
import { letGo, sell } from "./acts.ts";
import { quickCash } from "./drawer.ts";
import { AmountField, amountText, Keys, type Of, Panel, readAmount, TextField } from "./parts.tsx";
import type { Tender } from "./protocol.ts";

export function Pay({ till }: Of) {
  const [tenders, setTenders] = useState<readonly Tender[]>([]);
  const [kind, setKind] = useState<Tender["kind"]>("cash");
  const [text, setText] = useState("");
  const [slip, setSlip] = useState("");
  const total = till.price?.totals.total ?? 0;
  const given = tenders.reduce((sum, each) => sum + each.amount, 0);
  const due = total - given;
  const entered = readAmount(till, text).value;
  const amount = entered ?? Math.max(0, due);
  const tooMuchOnCard = kind === "card_terminal" && amount > due;
  const close = () => {
    void letGo(till);
    till.show(null);
  };
  const take = (one: Tender) => {
    const all = one.amount > 0 ? [...tenders, one] : tenders;
    setText("");
    setSlip("");
    if (all.reduce((sum, each) => sum + each.amount, 0) >= total) void sell(till, all);
    else setTenders(all);
  };
  const submit = () => {
    if (till.busy || tooMuchOnCard || readAmount(till, text).problem !== "") return;
    if (kind === "cash") take({ kind, amount });
    else if (slip.trim() !== "") take({ kind, amount, slip: slip.trim() });
  };
  return (
    <Panel till={till} title={till.say("pay")} wide close={close}>
      <form
        class="pay-form"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <p class="pay-due">
          <span>{till.say(tenders.length > 0 ? "still_due" : "to_pay")}</span>
          <b class="num">{amountText(till, due)}</b>
        </p>
        {tenders.length > 0 && (
          <ul class="pay-taken">
            {tenders.map((each, at) => (
              <li key={`${at}-${each.kind}`}>
                <span>{each.slip ? till.say("card_slip", { slip: each.slip }) : till.say(each.kind)}</span>
                <span class="num">{amountText(till, each.amount)}</span>
                <button
                  type="button"
                  class="button plain round"
                  aria-label={till.say("take_back")}
                  onClick={() => setTenders(tenders.filter((_, other) => other !== at))}
                >
                  <Icon name="cross" />
                </button>
              </li>
            ))}
          </ul>
        )}
        <div class="pick-row">
          {(["cash", "card_terminal"] as const).map((each) => (
            <button
              key={each}
              type="button"
              class="button"
              aria-pressed={kind === each}
              onClick={() => setKind(each)}
            >
              <Icon name={each === "cash" ? "money" : "receipt"} /> {till.say(each)}
            </button>
          ))}
        </div>
        <div class="pay-entry">
          <div class="stack">
            {kind === "cash" && due > 0 && (
              <div class="quick">
                {quickCash(due, till.currency).map((each) => (
                  <button
                    key={each}
                    type="button"
                    class="button num"
                    onClick={() => take({ kind: "cash", amount: each })}
                  >
                    {amountText(till, each)}
                  </button>
                ))}
              </div>
            )}
            <AmountField
              till={till}
              focus
              label={till.say(kind === "cash" ? "cash_given" : "card_amount")}
              text={text}
              change={setText}
              hint={
                kind === "cash" && entered !== null && entered > due
                  ? till.say("change_is", { amount: amountText(till, entered - due) })
                  : kind === "card_terminal"
                    ? till.say("card_hint")
                    : ""
              }
            />
            {tooMuchOnCard && <p class="error">{till.say("card_no_change")}</p>}
            {kind === "card_terminal" && (
              <TextField label={till.say("slip")} text={slip} change={setSlip} most={40} />
            )}
          </div>
          <Keys
            till={till}
            press={(change) => (kind === "cash" ? setText(change) : setSlip(change))}
            point={kind === "cash"}
          />
        </div>
        <button
          type="submit"
          class="button buy wide pay"
          disabled={till.busy || tooMuchOnCard || (kind === "card_terminal" && slip.trim() === "")}
          aria-busy={till.busy}
        >
          {till.say(amount >= due ? "complete" : "take_part", { amount: amountText(till, amount) })}
        </button>
      </form>
    </Panel>
  );
}
