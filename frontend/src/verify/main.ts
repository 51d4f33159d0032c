// The page on which anybody checks a statement file.  It asks no server; saved to a disk it does the same.

import { type Check, missing, verify } from "./check.ts";
import { isDraw, verifyDraw } from "./draw.ts";

const form = document.querySelector<HTMLFormElement>("#verify");
const words = JSON.parse(document.querySelector("#words")?.textContent ?? "{}") as Record<string, string>;
const language = document.documentElement.lang;

function say(code: string, facts: Check["facts"] = {}): string {
  return (words[code] ?? words["malformed"] ?? code).replace(/\{(\w+)\}/g, (_, name) =>
    String(facts[name] ?? ""),
  );
}

function element(tag: string, text = "", kind = ""): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  if (kind !== "") made.className = kind;
  return made;
}

function when(text: string): string {
  const moment = new Date(text);
  return Number.isNaN(moment.valueOf())
    ? text
    : moment.toLocaleString(language, { dateStyle: "medium", timeStyle: "short" });
}

interface Figure {
  readonly numerator: number | string;
  readonly denominator: number | string | null;
  readonly unit: string;
  readonly version: number;
  readonly definition: Readonly<Record<string, string>>;
}

function shown(figure: Figure, currency: string | null): string {
  const { denominator, unit } = figure;
  const value = Number(figure.numerator) / (denominator === null ? 1 : Number(denominator));
  if (!Number.isFinite(value)) return "—";
  if (unit === "minor" && currency !== null) {
    const money = new Intl.NumberFormat(language, { style: "currency", currency });
    return money.format(value / 10 ** (money.resolvedOptions().maximumFractionDigits ?? 2));
  }
  const style =
    unit === "ratio"
      ? ({ style: "percent", maximumFractionDigits: 1 } as const)
      : { maximumFractionDigits: 2 };
  return `${new Intl.NumberFormat(language, style).format(value)}${unit === "seconds" ? " s" : ""}`;
}

function listed(checks: readonly Check[]): HTMLElement {
  const list = element("ul", "", "checks");
  for (const check of checks) {
    const row = element("li", "", check.state);
    row.append(
      element("strong", `${say(check.state)} `),
      element("span", say(check.code, check.facts), "break"),
    );
    list.append(row);
  }
  return list;
}

async function look(): Promise<void> {
  const chosen = document.querySelector<HTMLInputElement>("#file")?.files?.[0];
  const key = document.querySelector<HTMLInputElement>("#key")?.value ?? "";
  const result = document.querySelector<HTMLElement>("#result");
  if (chosen === undefined || result === null) return;
  const data = new Uint8Array(await chosen.arrayBuffer());
  if (isDraw(data)) {
    const { draw, checks } = await verifyDraw(data);
    const holds = checks.every((check) => check.state !== "failed");
    const parts = [
      element("h2", say(holds ? "holds" : "draw.fails"), holds ? "text-good" : "text-bad"),
      listed(checks),
    ];
    if (holds)
      parts.push(
        element("h2", say("draw.of", { prize: draw.rules.prize, shop: draw.rules.shop.name })),
        element("p", draw.winners.join(", "), "num break"),
      );
    result.replaceChildren(...parts);
    result.dataset["holds"] = String(holds);
    return;
  }
  const signs = await missing();
  if (signs !== "") {
    result.replaceChildren(element("p", say(signs), "text-bad"));
    return;
  }
  const found = await verify(data, key);
  const holds = found.checks.every((check) => check.state !== "failed");
  const list = listed(found.checks);
  const parts = [element("h2", say(holds ? "holds" : "fails"), holds ? "text-good" : "text-bad"), list];
  if (holds) {
    const { show, number, version, as_of, figures, currency } = found.statement;
    parts.push(element("h2", say("figures_of", { show: show.title, number, version, at: when(as_of) })));
    const table = element("div", "", "table");
    const rows = element("tbody");
    for (const [id, figure] of Object.entries(figures as Record<string, Figure>)) {
      const row = element("tr");
      const name = element("th", `${id}@${figure.version}`);
      name.append(
        element("br"),
        element(
          "span",
          figure.definition[language.slice(0, 2)] ?? figure.definition["en"] ?? "",
          "soft small",
        ),
      );
      row.append(name, element("td", shown(figure, currency), "num"));
      rows.append(row);
    }
    const inner = element("table");
    inner.append(rows);
    table.append(inner);
    parts.push(table);
  }
  result.replaceChildren(...parts);
  result.dataset["holds"] = String(holds);
}

function safely(): void {
  look().catch((problem: unknown) => {
    document
      .querySelector("#result")
      ?.replaceChildren(element("p", `${say("malformed")} ${String(problem)}`, "text-bad"));
  });
}

missing().then((word) => {
  // Draws need no signatures, so a browser without them still checks those.
  if (word === "insecure") {
    document.querySelector("#result")?.replaceChildren(element("p", say(word), "text-bad"));
    return;
  }
  form?.removeAttribute("hidden");
  form?.addEventListener("change", safely);
  form?.addEventListener("submit", (event) => {
    event.preventDefault();
    safely();
  });
  // A file that is dropped anywhere on the page.
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    const field = document.querySelector<HTMLInputElement>("#file");
    if (field === null || !event.dataTransfer?.files.length) return;
    event.preventDefault();
    field.files = event.dataTransfer.files;
    safely();
  });
});
