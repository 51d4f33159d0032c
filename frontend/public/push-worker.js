// Shows notifications of the shop and opens the page that one leads to.  What is shown: { title, body, path, tag }.

self.addEventListener("push", (event) => {
  let told = {};
  try {
    told = event.data?.json() ?? {};
  } catch {
    // Not from us: a browser wants something shown all the same.
  }
  event.waitUntil(
    self.registration.showNotification(told.title || self.location.hostname, {
      body: told.body || "",
      tag: told.tag || "",
      data: { path: told.path || "/" },
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const target = new URL(event.notification.data?.path ?? "/", self.location.origin);
  if (target.origin !== self.location.origin) return;
  event.waitUntil(
    self.clients.matchAll({ type: "window", includeUncontrolled: true }).then((open) => {
      const there = open.find((each) => each.url === target.href);
      return there ? there.focus() : self.clients.openWindow(target.href);
    }),
  );
});
