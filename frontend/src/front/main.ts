// On the front page of a shop: the time until the next show.  The page says when it begins without this.

import { countdown } from "../common/format.ts";

/** [data-begins="ISO" data-days="%(days)s d"]: days in words where there are any, then hours, minutes, seconds. */
for (const shown of document.querySelectorAll<HTMLElement>("[data-begins]")) {
  const begins = Date.parse(shown.dataset["begins"] ?? "");
  const run = () => {
    const seconds = Math.max(0, (begins - Date.now()) / 1_000);
    const days = Math.floor(seconds / 86_400);
    const words = days > 0 ? `${(shown.dataset["days"] ?? "").replace("%(days)s", String(days))} ` : "";
    shown.textContent = seconds > 0 ? words + countdown(seconds - days * 86_400) : "";
    shown.hidden = seconds === 0;
    if (seconds === 0) clearInterval(timer);
  };
  const timer = setInterval(run, 1_000);
  run();
}
