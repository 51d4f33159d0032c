// On pages of a merchant or a supplier: fields for money and quantities say what they understand.

import { echo } from "./echo.ts";

const told = document.querySelector<HTMLElement>("[data-currency]");
if (told !== null) echo(told, document.documentElement.lang || "en");
