// The page on which one pays inside of WeChat: the app is asked for the money, and what became of it our server.

interface Bridge {
  invoke(name: string, given: Record<string, string>, told: () => void): void;
}
declare global {
  interface Window {
    WeixinJSBridge?: Bridge;
  }
}

const button = document.querySelector<HTMLElement>("[data-wechat-pay]");
const given = JSON.parse(document.getElementById("payment")?.textContent ?? "{}") as Record<string, string>;

/** Whatever the app says, the page that asks the provider comes next: only that knows. */
function ask(): void {
  window.WeixinJSBridge?.invoke("getBrandWCPayRequest", given, () => {
    location.assign(button?.dataset["wechatPay"] ?? "");
  });
}

if (button !== null) {
  button.addEventListener("click", ask);
  if (window.WeixinJSBridge === undefined) document.addEventListener("WeixinJSBridgeReady", ask);
  else ask();
}

export {};
