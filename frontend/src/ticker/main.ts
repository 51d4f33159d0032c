// A clock for a page that films: timers of a worker go on at full pace while the page is in the background.

let timer: ReturnType<typeof setInterval> | undefined;

self.onmessage = (event: MessageEvent<number>) => {
  clearInterval(timer);
  timer = event.data > 0 ? setInterval(() => self.postMessage(0), event.data) : undefined;
};
