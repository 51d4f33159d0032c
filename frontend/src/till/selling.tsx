// The sales screen: goods on one side, the basket on the other; on a phone the basket slides over the goods.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Icon } from "../common/icon.tsx";
import { beginPaying } from "./acts.ts";
import { removed, units } from "./basket.ts";
import { amountText, type Of } from "./parts.tsx";
import { type Product, titleOf } from "./protocol.ts";
import { kilograms } from "./receipt.ts";
import type { Till } from "./till.ts";

const PAGE = 60;

export function Selling({ till }: Of) {
  const [isBasketOpen, setBasketOpen] = useState(false);
  useShortcuts(till);
  const count = units(till.basket);
  return (
    <div class={isBasketOpen ? "selling with-basket" : "selling"}>
      <Goods till={till} />
      <BasketSide till={till} close={() => setBasketOpen(false)} />
      <button type="button" class="button main basket-bar" onClick={() => setBasketOpen(true)}>
        <Icon name="bag" /> <span class="num">{till.say(count === 1 ? "item" : "items", { n: count })}</span>
        <b class="num">{amountText(till, till.price?.totals.total ?? 0)}</b>
      </button>
    </div>
  );
}

function useShortcuts(till: Till): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (till.sheet !== null) return;
      const typing = event.target instanceof HTMLInputElement;
      const search = document.querySelector<HTMLInputElement>("#till-search");
      if (event.key === "F2" || (event.key === "/" && !typing)) search?.focus();
      else if (event.key === "F4" && till.basket.lines.length > 0) void beginPaying(till);
      else if (event.key === "F6") till.show({ name: "parked" });
      else if (event.key === "F8") till.show({ name: "return", find: "" });
      else if (event.key === "F9") till.show({ name: "menu" });
      else return;
      event.preventDefault();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [till]);
}

function Goods({ till }: Of) {
  const [text, setText] = useState("");
  const [shelf, setShelf] = useState("");
  const [most, setMost] = useState(PAGE);
  const { catalog, snapshot } = till;
  const shelves = useMemo(() => shelvesOf(till), [snapshot, till.language]);
  const found = useMemo(() => {
    if (catalog === null) return [];
    if (text.trim() !== "") return catalog.find(text, most + 1);
    const chosen = shelves.find((each) => each.id === shelf);
    return (chosen === undefined ? catalog.products : catalog.products.filter(chosen.has)).slice(0, most + 1);
  }, [catalog, text, shelf, most, shelves]);
  const enter = () => {
    const wanted = text.trim();
    if (wanted === "" || catalog === null) return;
    const known = catalog.scan(wanted);
    const [only] = found;
    if (known.is !== "nothing") till.scan(wanted);
    else if (found.length === 1 && only !== undefined) choose(till, only);
    else if (/^\d{6,}$/.test(wanted)) till.scan(wanted);
    else return;
    setText("");
  };
  return (
    <section class="goods" aria-label={till.say("goods")}>
      <div class="goods-find">
        <label class="search">
          <Icon name="search" />
          <input
            id="till-search"
            type="search"
            autocomplete="off"
            placeholder={till.say("search")}
            aria-label={till.say("search")}
            value={text}
            onInput={(event) => {
              setMost(PAGE);
              setText(event.currentTarget.value);
            }}
            onKeyDown={(event) => {
              if (event.key === "Enter") enter();
            }}
          />
        </label>
        <button type="button" class="button" onClick={() => till.show({ name: "camera" })}>
          <Icon name="camera" /> <span class="wide-only">{till.say("scan")}</span>
        </button>
        <button type="button" class="button" onClick={() => till.show({ name: "open_amount" })}>
          <Icon name="money" /> <span class="wide-only">{till.say("open_amount")}</span>
        </button>
      </div>
      {shelves.length > 0 && text.trim() === "" && (
        <div class="shelves">
          {[{ id: "", title: till.say("all_goods") }, ...shelves].map((each) => (
            <button
              key={each.id}
              type="button"
              class="button small"
              aria-pressed={shelf === each.id}
              onClick={() => {
                setMost(PAGE);
                setShelf(each.id);
              }}
            >
              {each.title}
            </button>
          ))}
        </div>
      )}
      {found.length === 0 ? (
        <p class="till-empty">
          <Icon name="box" big />
          {till.say(catalog?.products.length ? "nothing_found" : "no_goods")}
        </p>
      ) : (
        <ul class="tiles">
          {found.slice(0, most).map((product) => (
            <li key={product.id}>
              <Tile till={till} product={product} />
            </li>
          ))}
        </ul>
      )}
      {found.length > most && (
        <button type="button" class="button wide" onClick={() => setMost(most + PAGE)}>
          {till.say("show_more")}
        </button>
      )}
    </section>
  );
}

interface Shelf {
  readonly id: string;
  readonly title: string;
  readonly has: (product: Product) => boolean;
}

/** Collections as the shop made them, else categories. */
function shelvesOf(till: Till): Shelf[] {
  const { snapshot } = till;
  if (snapshot === null) return [];
  const used = new Set(snapshot.products.flatMap((each) => each.collections ?? []));
  const collections = snapshot.collections
    .filter((each) => used.has(each.id))
    .map(({ id, ...words }) => ({
      id: `c${id}`,
      title: titleOf(words, till.language),
      has: (each: Product) => Boolean(each.collections?.includes(id)),
    }));
  if (collections.length > 0) return collections;
  const categories = [...new Set(snapshot.products.flatMap((each) => each.category || []))].slice(0, 20);
  return categories.map((title) => ({
    id: `k${title}`,
    title,
    has: (each: Product) => each.category === title,
  }));
}

function choose(till: Till, product: Product): void {
  const [variant, ...others] = product.variants;
  if (variant === undefined) return;
  if (others.length > 0) till.show({ name: "variants", article: { product, variant } });
  else till.add({ product, variant });
}

function Tile({ till, product }: Of & { readonly product: Product }) {
  const prices = product.variants.map((each) => each.price);
  const low = Math.min(...prices);
  const left = product.variants.reduce((sum, each) => sum + Math.max(0, each.available), 0);
  const [isMissing, setMissing] = useState(false);
  const isWeighed = product.variants.some((each) => each.weighed);
  return (
    <button type="button" class="tile" data-product={product.id} onClick={() => choose(till, product)}>
      {product.picture && !isMissing ? (
        <img
          src={product.picture}
          alt=""
          loading="lazy"
          width="160"
          height="160"
          onError={() => setMissing(true)}
        />
      ) : (
        <span class="tile-blank" aria-hidden="true">
          {[...product.title][0]}
        </span>
      )}
      <span class="tile-title">{titleOf(product, till.language)}</span>
      <span class="tile-price num">
        {Math.max(...prices) > low
          ? till.say("from", { price: amountText(till, low) })
          : amountText(till, low)}
        {isWeighed && <small> / kg</small>}
      </span>
      {left <= 5 && (
        <span class={left > 0 ? "tile-left num" : "tile-left none"}>
          {left > 0 ? till.say("left", { n: left }) : till.say("none_left")}
        </span>
      )}
    </button>
  );
}

function BasketSide({ till, close }: Of & { readonly close: () => void }) {
  const { basket, price } = till;
  const totals = price?.totals;
  const touched = useRef<HTMLLIElement>(null);
  useEffect(() => touched.current?.scrollIntoView({ block: "nearest" }), [till.touched, basket]);
  return (
    <section class="basket" aria-label={till.say("basket")}>
      <header class="basket-head">
        <button
          type="button"
          class="button plain round narrow-only"
          aria-label={till.say("back_to_goods")}
          onClick={close}
        >
          <Icon name="back" />
        </button>
        <h2>{till.say("basket")}</h2>
        <button type="button" class="button small" onClick={() => till.show({ name: "parked" })}>
          <Icon name="pause" />{" "}
          {basket.lines.length > 0 ? till.say("park") : till.say("parked", { n: till.parked.length })}
        </button>
        <button
          type="button"
          class="button small"
          disabled={basket.lines.length === 0}
          aria-label={till.say("empty_basket")}
          onClick={() => void till.abandon()}
        >
          <Icon name="trash" />
        </button>
      </header>
      {basket.lines.length === 0 ? (
        <p class="till-empty">
          <Icon name="bag" big />
          {till.say("basket_empty")}
        </p>
      ) : (
        <ol class="basket-lines">
          {basket.lines.map((line, at) => {
            const told = price?.lines[at];
            const article = line.variant === null ? undefined : till.catalog?.article(line.variant);
            const left = article === undefined ? null : till.leftOf(article);
            return (
              <li
                key={line.key}
                ref={line.key === till.touched ? touched : null}
                class={line.key === till.touched ? "touched" : ""}
              >
                <button
                  type="button"
                  class="basket-line"
                  onClick={() => till.show({ name: "line", key: line.key })}
                  onKeyDown={(event) => {
                    if (event.key !== "Delete" && event.key !== "Backspace") return;
                    void till.note("line.removed", {
                      variant: line.variant,
                      title: line.title,
                      quantity: line.quantity,
                    });
                    till.put(removed(basket, line.key));
                  }}
                >
                  <span class="num basket-count">
                    {line.weight === null ? `${line.quantity} ×` : kilograms(line.weight, till.language)}
                  </span>
                  <span class="basket-title">
                    <b>{line.title}</b>
                    {line.options.length > 0 && <span class="soft small">{line.options.join(" · ")}</span>}
                    {told !== undefined && told.discount > 0 && (
                      <span class="small saved">−{amountText(till, told.discount)}</span>
                    )}
                    {left !== null && line.quantity > left && (
                      <span class="small short">
                        <Icon name="alert" /> {till.say("beyond", { n: left })}
                      </span>
                    )}
                  </span>
                  <span class="num">{amountText(till, told?.gross ?? 0)}</span>
                </button>
              </li>
            );
          })}
        </ol>
      )}
      <footer class="basket-foot">
        <div class="basket-acts">
          <button
            type="button"
            class="button small"
            disabled={basket.lines.length === 0}
            onClick={() => till.show({ name: "basket_discount" })}
          >
            <Icon name="percent" /> {till.say("discount")}
          </button>
          <button
            type="button"
            class="button small"
            disabled={basket.lines.length === 0}
            onClick={() => till.show({ name: "customer" })}
          >
            <Icon name="people" /> {basket.customer?.name || basket.customer?.phone || till.say("customer")}
          </button>
        </div>
        {totals !== undefined && totals.discount > 0 && (
          <p class="basket-sum">
            <span>{till.say("discounts")}</span>
            <span class="num saved">−{amountText(till, totals.discount)}</span>
          </p>
        )}
        {totals !== undefined && totals.tax > 0 && (
          <p class="basket-sum soft small">
            <span>{till.say(price?.included ? "tax_in_total" : "tax_on_top")}</span>
            <span class="num">{amountText(till, totals.tax)}</span>
          </p>
        )}
        <p class="basket-sum total">
          <span>{till.say("total")}</span>
          <b class="num">{amountText(till, totals?.total ?? 0)}</b>
        </p>
        <button
          type="button"
          class="button buy wide pay"
          disabled={basket.lines.length === 0 || !till.may("sell")}
          onClick={() => void beginPaying(till)}
        >
          {till.say("pay")} <kbd class="wide-only">F4</kbd>
        </button>
      </footer>
    </section>
  );
}
