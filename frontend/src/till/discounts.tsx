// A line of the basket, and what is taken off it or off the whole.

import { useEffect, useState } from "preact/hooks";
import { Icon } from "../common/icon.tsx";
import { changed, MOST_UNITS, type Off, removed } from "./basket.ts";
import {
  AmountField,
  Approval,
  amountText,
  Choice,
  type Of,
  Panel,
  readAmount,
  Stepper,
  TextField,
} from "./parts.tsx";
import type { Assistant } from "./protocol.ts";

/** What is taken off, with a reason; beyond what somebody may give, another's PIN is asked for. */
function OffForm({
  till,
  whole,
  off,
  done,
}: Of & { readonly whole: number; readonly off: Off | null; readonly done: (off: Off | null) => void }) {
  const [kind, setKind] = useState<"percent" | "amount">(
    off !== null && off.percent === null ? "amount" : "percent",
  );
  const [text, setText] = useState(off?.percent ?? "");
  const [reason, setReason] = useState(off?.reason ?? "");
  const [asked, setAsked] = useState<Omit<Off, "by"> | null>(null);
  const percent = /^\d{1,3}(?:\.\d{1,2})?$/.test(text.trim()) && Number(text) <= 100 ? text.trim() : null;
  const amount = readAmount(till, text).value;
  const value = kind === "percent" ? percent : amount;
  const submit = () => {
    if (value === null || reason.trim() === "") return;
    const wanted = {
      percent: kind === "percent" ? percent : null,
      amount: kind === "amount" ? (amount ?? 0) : 0,
      reason: reason.trim(),
    };
    const share = kind === "percent" ? Number(percent) : whole > 0 ? ((amount ?? 0) * 100) / whole : 100;
    const within = till.may("discount") && share <= (till.snapshot?.limits.discount_percent ?? 0);
    if (till.assistant !== null && (till.assistant.manager || within))
      done({ ...wanted, by: till.assistant.id });
    else setAsked(wanted);
  };
  if (asked !== null)
    return (
      <>
        <p>{till.say("discount_needs_manager")}</p>
        {/* Only a manager: nobody's right goes beyond the limit. */}
        <Approval till={till} right="manager" done={(by: Assistant) => done({ ...asked, by: by.id })} />
      </>
    );
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <Choice
        label={till.say("discount")}
        options={[
          ["percent", "%"],
          ["amount", till.say("amount")],
        ]}
        chosen={kind}
        choose={setKind}
      />
      {kind === "percent" ? (
        <div class="pick-row">
          {["5", "10", "20", "50"].map((each) => (
            <button
              key={each}
              type="button"
              class="button small num"
              aria-pressed={text === each}
              onClick={() => setText(each)}
            >
              {each}%
            </button>
          ))}
        </div>
      ) : null}
      {kind === "percent" ? (
        <TextField label={till.say("percent")} text={text} change={setText} most={6} />
      ) : (
        <AmountField till={till} label={till.say("amount_off")} text={text} change={setText} />
      )}
      <TextField label={till.say("reason")} text={reason} change={setReason} />
      <div class="row">
        <button type="submit" class="button main" disabled={value === null || reason.trim() === ""}>
          {till.say("apply")}
        </button>
        {off !== null && (
          <button type="button" class="button" onClick={() => done(null)}>
            {till.say("remove_discount")}
          </button>
        )}
      </div>
    </form>
  );
}

export function LineSheet({ till, line: key }: Of & { readonly line: string }) {
  const line = till.basket.lines.find((each) => each.key === key);
  const article = line?.variant == null ? undefined : till.catalog?.article(line.variant);
  const [shelves, setShelves] = useState<string[] | null>(null);
  useEffect(() => {
    if (article === undefined || !till.online) return;
    till.server
      .availability(article.variant.id)
      .then(({ variants }) =>
        setShelves((variants[0]?.elsewhere ?? []).map((each) => `${each.location}: ${each.available}`)),
      )
      .catch(() => undefined);
  }, []);
  if (line === undefined) return null;
  const remove = () => {
    void till.note("line.removed", { variant: line.variant, title: line.title, quantity: line.quantity });
    till.sheet = null;
    till.put(removed(till.basket, key), "");
  };
  return (
    <Panel till={till} title={[line.title, ...line.options].join(" · ")}>
      <div class="stack">
        {line.weight === null && (
          <Stepper
            till={till}
            label={till.say("quantity")}
            value={line.quantity}
            least={1}
            most={MOST_UNITS}
            change={(quantity) => till.put(changed(till.basket, key, { quantity }), key)}
          />
        )}
        <p class="soft num">
          {amountText(till, line.unit_price)}
          {line.sku !== "" && ` · ${line.sku}`}
          {article !== undefined && ` · ${till.say("left", { n: article.variant.available })}`}
        </p>
        {shelves !== null && shelves.length > 0 && (
          <p class="soft small">
            {till.say("elsewhere_stock")} {shelves.join(", ")}
          </p>
        )}
        <hr />
        <OffForm
          till={till}
          whole={line.unit_price}
          off={line.off}
          done={(off) => {
            till.sheet = null;
            till.put(changed(till.basket, key, { off }), key);
          }}
        />
        <hr />
        <button type="button" class="button danger" onClick={remove}>
          <Icon name="trash" /> {till.say("remove_line")}
        </button>
      </div>
    </Panel>
  );
}

export function BasketDiscountSheet({ till }: Of) {
  const [code, setCode] = useState("");
  const { basket, price } = till;
  const unknown = price?.unknown_codes ?? [];
  return (
    <Panel till={till} title={till.say("basket_discount")}>
      <div class="stack">
        <OffForm
          till={till}
          whole={(price?.totals.listed ?? 0) || 1}
          off={basket.off}
          done={(off) => {
            till.sheet = null;
            till.put({ ...basket, off });
          }}
        />
        <hr />
        <form
          class="row find"
          onSubmit={(event) => {
            event.preventDefault();
            const given = code.trim();
            if (given !== "") till.put({ ...basket, codes: [...new Set([...basket.codes, given])] });
            setCode("");
          }}
        >
          <TextField label={till.say("code")} text={code} change={setCode} most={40} />
          <button type="submit" class="button">
            {till.say("apply")}
          </button>
        </form>
        {basket.codes.map((each) => (
          <p key={each} class="row apart">
            <span>
              <b>{each}</b> {unknown.includes(each) && <span class="error">{till.say("code_unknown")}</span>}
            </span>
            <button
              type="button"
              class="button plain round"
              aria-label={till.say("take_back")}
              onClick={() => till.put({ ...basket, codes: basket.codes.filter((other) => other !== each) })}
            >
              <Icon name="cross" />
            </button>
          </p>
        ))}
      </div>
    </Panel>
  );
}
