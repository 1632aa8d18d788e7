"use strict";
// The server sends a part of this page whenever it has become another one. What has an id changes in place, so that
// neither the focus nor what is selected is lost; another set of ids is another part.
for (const place of document.querySelectorAll("[data-live]")) {
  const told = document.getElementById("live-state");
  const source = new EventSource(place.dataset.live);
  source.onopen = () => { told.textContent = "This follows the record as it is written."; };
  source.onerror = () => { told.textContent = "The dashboard does not answer: this is as it was."; };
  source.onmessage = (message) => {
    const fresh = new DOMParser().parseFromString(message.data, "text/html").body;
    const now = [...place.querySelectorAll("[id]")];
    const then = [...fresh.querySelectorAll("[id]")];
    if (!now.length || now.length !== then.length || now.some((one, at) => one.id !== then[at].id)) {
      place.replaceChildren(...fresh.childNodes);
      return;
    }
    now.forEach((one, at) => {
      if (one.localName === "progress") { one.max = then[at].max; one.value = then[at].value; return; }
      if (one.textContent !== then[at].textContent) one.textContent = then[at].textContent;
    });
  };
}
