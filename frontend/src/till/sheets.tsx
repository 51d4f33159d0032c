// What opens over the sales screen.

import { useState } from "preact/hooks";
import { Icon } from "../common/icon.tsx";
import { ExportButton, Languages, Unsent } from "./app.tsx";
import { ReturnSheet, SalesSheet } from "./back.tsx";
import { addedAmount, units } from "./basket.ts";
import { CameraSheet } from "./camera.tsx";
import type { Article } from "./catalog.ts";
import { BasketDiscountSheet, LineSheet } from "./discounts.tsx";
import { PrinterSheet, ReceiptSheet } from "./papers.tsx";
import { AmountField, amountText, type Of, Panel, readAmount, TextField } from "./parts.tsx";
import { Pay } from "./pay.tsx";
import { titleOf, type Variant } from "./protocol.ts";
import { CashSheet, CloseSheet, ReportSheet } from "./shift.tsx";

export function Sheets({ till }: Of) {
  const { sheet } = till;
  if (sheet === null) return null;
  switch (sheet.name) {
    case "tasks":
      return <NetworkSheet till={till} />;
    case "receipt":
      return <ReceiptSheet key={sheet.fact.sequence} till={till} {...sheet} />;
    default:
  }
  if (till.assistant === null || till.shift === null) return null;
  switch (sheet.name) {
    case "pay":
      return <Pay till={till} />;
    case "menu":
      return <MenuSheet till={till} />;
    case "parked":
      return <ParkedSheet till={till} />;
    case "sales":
      return <SalesSheet till={till} />;
    case "report":
      return <ReportSheet till={till} />;
    case "close":
      return <CloseSheet till={till} />;
    case "open_amount":
      return <OpenAmountSheet till={till} />;
    case "printer":
      return <PrinterSheet till={till} />;
    case "keys":
      return <KeysSheet till={till} />;
    case "camera":
      return <CameraSheet till={till} />;
    case "customer":
      return <CustomerSheet till={till} />;
    case "basket_discount":
      return <BasketDiscountSheet till={till} />;
    case "cash":
      return <CashSheet key={sheet.kind} till={till} kind={sheet.kind} />;
    case "return":
      return <ReturnSheet till={till} find={sheet.find} />;
    case "variants":
      return <VariantsSheet till={till} article={sheet.article} />;
    case "weigh":
      return <WeighSheet till={till} article={sheet.article} />;
    case "line":
      return <LineSheet key={sheet.key} till={till} line={sheet.key} />;
    case "short":
      return <ShortSheet till={till} left={sheet.left} />;
    default:
      return null;
  }
}

function MenuSheet({ till }: Of) {
  const go = (icon: string, word: string, act: () => void, allowed = true) => (
    <button type="button" class="menu-row" disabled={!allowed} onClick={act}>
      <Icon name={icon} /> {till.say(word)}
    </button>
  );
  return (
    <Panel till={till} title={till.say("menu")}>
      <nav class="menu">
        {go("return", "return", () => till.show({ name: "return", find: "" }))}
        {go("receipt", "last_sales", () => till.show({ name: "sales" }))}
        {go("pause", "parked_baskets", () => till.show({ name: "parked" }))}
        <hr />
        {go("plus", "cash_in", () => till.show({ name: "cash", kind: "cash.in" }), till.may("cash"))}
        {go("minus", "cash_out", () => till.show({ name: "cash", kind: "cash.out" }), till.may("cash"))}
        {go("shield", "cash_drop", () => till.show({ name: "cash", kind: "cash.drop" }), till.may("cash"))}
        {go(
          "box",
          "drawer_opened",
          () => till.show({ name: "cash", kind: "drawer.opened" }),
          till.may("drawer"),
        )}
        {go("chart", "x_report", () => till.show({ name: "report" }), till.assistant?.manager === true)}
        {go("exit", "close_shift", () => till.show({ name: "close" }), till.may("close"))}
        <hr />
        {go(
          "people",
          till.training ? "training_stop" : "training_start",
          () => {
            // A basket of practice never becomes a sale.
            till.training = !till.training;
            void till.abandon();
            till.show(null);
          },
          till.may("training"),
        )}
        {go("eye", "display", () =>
          window.open(`/till/${till.slug}/display`, `display-${till.slug}`, "popup"),
        )}
        {go("receipt", "printer", () => till.show({ name: "printer" }))}
        {go("info", "keys", () => till.show({ name: "keys" }))}
        {go("wifi", "network", () => till.show({ name: "tasks" }))}
      </nav>
      <Languages till={till} />
    </Panel>
  );
}

function NetworkSheet({ till }: Of) {
  const { unsent } = till.journal;
  return (
    <Panel till={till} title={till.say("network")}>
      <div class="stack">
        <p>
          <b>{till.say(till.online ? "online" : "offline")}</b> <Unsent till={till} />
        </p>
        <p class="soft">{till.say(till.online ? "online_text" : "offline_text")}</p>
        {till.persisted !== true && <p class="note wait">{till.say("not_persisted")}</p>}
        {till.tasks.length > 0 && (
          <section class="stack">
            <h3>{till.say("tasks")}</h3>
            <ul class="list">
              {till.tasks.map((task) => (
                <li key={`${task.sequence}-${task.code}`} class="list-row">
                  {till.say(`task_${task.code}`)}
                </li>
              ))}
            </ul>
          </section>
        )}
        <p class="soft small num">
          {till.say("series", {
            series: till.snapshot?.device.series ?? "",
            n: till.journal.counters.number,
          })}
          {" · "}
          {till.say("price_list", { version: till.snapshot?.pricing.version.slice(0, 8) ?? "" })}
        </p>
        <div class="row">
          <button type="button" class="button" onClick={() => till.kick()}>
            <Icon name="up" /> {till.say(unsent.length > 0 ? "send_now" : "look_now")}
          </button>
          <ExportButton till={till} />
        </div>
      </div>
    </Panel>
  );
}

function ParkedSheet({ till }: Of) {
  const [note, setNote] = useState("");
  return (
    <Panel till={till} title={till.say("parked_baskets")}>
      <div class="stack">
        {till.basket.lines.length > 0 && (
          <form
            class="row find"
            onSubmit={(event) => {
              event.preventDefault();
              till.park(note.trim());
              till.show(null);
            }}
          >
            <TextField label={till.say("park_note")} text={note} change={setNote} most={60} focus />
            <button type="submit" class="button main">
              {till.say("park")}
            </button>
          </form>
        )}
        {till.parked.length === 0 && <p class="soft">{till.say("none_parked")}</p>}
        <ul class="list">
          {till.parked.map((each) => (
            <li key={each.id}>
              <button type="button" class="list-row" onClick={() => till.resume(each.id)}>
                <span>
                  <b>{each.note || each.lines[0]?.title}</b>
                  <span class="soft small">
                    {new Intl.DateTimeFormat(till.language, { timeStyle: "short" }).format(each.at)}
                  </span>
                </span>
                <span class="num">{till.say(units(each) === 1 ? "item" : "items", { n: units(each) })}</span>
              </button>
            </li>
          ))}
        </ul>
      </div>
    </Panel>
  );
}

function OpenAmountSheet({ till }: Of) {
  const [title, setTitle] = useState("");
  const [text, setText] = useState("");
  const { value } = readAmount(till, text);
  return (
    <Panel till={till} title={till.say("open_amount")}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (!value) return;
          const variant = till.snapshot?.open_amount_variant ?? null;
          till.sheet = null;
          till.put(addedAmount(till.basket, title.trim() || till.say("open_amount"), value, variant), "");
        }}
      >
        <AmountField till={till} focus label={till.say("amount")} text={text} change={setText} />
        <TextField label={till.say("what")} text={title} change={setTitle} most={80} />
        <button type="submit" class="button main wide" disabled={!value}>
          {till.say("add")}
        </button>
      </form>
    </Panel>
  );
}

function VariantsSheet({ till, article }: Of & { readonly article: Article }) {
  const { product } = article;
  const nameOf = (variant: Variant) => variant.options.join(" · ") || variant.title || variant.sku;
  return (
    <Panel till={till} title={titleOf(product, till.language)}>
      <ul class="list">
        {product.variants.map((variant) => (
          <li key={variant.id}>
            <button type="button" class="list-row" onClick={() => till.add({ product, variant })}>
              <span>
                <b>{nameOf(variant)}</b>
                <span class="soft small num">
                  {variant.sku} ·{" "}
                  {variant.available > 0 ? till.say("left", { n: variant.available }) : till.say("none_left")}
                </span>
              </span>
              <span class="num">{amountText(till, variant.price)}</span>
            </button>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function WeighSheet({ till, article }: Of & { readonly article: Article }) {
  const [text, setText] = useState("");
  const grams = /^\d{1,6}$/.test(text.trim()) ? Number(text) : 0;
  return (
    <Panel till={till} title={titleOf(article.product, till.language)}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (grams > 0) till.add(article, { weight: grams });
        }}
      >
        <TextField label={till.say("grams")} text={text} change={setText} focus most={6} />
        <p class="soft num">{amountText(till, article.variant.price)} / kg</p>
        <button type="submit" class="button main wide" disabled={grams === 0}>
          {till.say("add")}
        </button>
      </form>
    </Panel>
  );
}

function CustomerSheet({ till }: Of) {
  const known = till.basket.customer;
  const [name, setName] = useState(known?.name ?? "");
  const [phone, setPhone] = useState(known?.phone ?? "");
  const [email, setEmail] = useState(known?.email ?? "");
  return (
    <Panel till={till} title={till.say("customer")}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          const customer = { name: name.trim(), phone: phone.trim(), email: email.trim() };
          till.sheet = null;
          till.put({ ...till.basket, customer: Object.values(customer).some(Boolean) ? customer : null });
        }}
      >
        <p class="soft">{till.say("customer_text")}</p>
        <TextField label={till.say("phone")} type="tel" text={phone} change={setPhone} most={40} focus />
        <TextField label={till.say("name")} text={name} change={setName} most={100} />
        <TextField label={till.say("email")} type="email" text={email} change={setEmail} most={200} />
        <button type="submit" class="button main wide">
          {till.say("apply")}
        </button>
      </form>
    </Panel>
  );
}

function ShortSheet({ till, left }: Of & { readonly left: number }) {
  return (
    <Panel till={till} title={till.say("short")}>
      <div class="stack">
        <p>{till.say("short_text", { n: left })}</p>
        <button type="button" class="button main wide" onClick={() => till.show(null)}>
          {till.say("back_to_basket")}
        </button>
        <button type="button" class="button wide" onClick={() => till.show({ name: "pay" })}>
          {till.say("sell_anyway")}
        </button>
      </div>
    </Panel>
  );
}

function KeysSheet({ till }: Of) {
  const keys: readonly (readonly [string, string])[] = [
    ["F2, /", "search"],
    ["F4", "pay"],
    ["F6", "parked_baskets"],
    ["F8", "return"],
    ["F9", "menu"],
    ["Esc", "close"],
    ["Del", "remove_line"],
  ];
  return (
    <Panel till={till} title={till.say("keys")}>
      <dl class="key-list">
        {keys.map(([key, word]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{till.say(word)}</dd>
          </div>
        ))}
      </dl>
      <p class="soft small">{till.say("keys_scanner")}</p>
    </Panel>
  );
}
