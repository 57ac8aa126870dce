// A page of parts asks every few seconds which of them changed, and at once after a hint that concerns it.
// Only those are answered, and replaced by their id; what did not change keeps its focus and its folds.

const changes = document.getElementById("changes");
const connection = document.getElementById("connection");
const hints = changes.dataset.hints.split(" ");
const camera = changes.dataset.camera; // empty: of whatever camera
const HINTS_GATHERED_MS = 150;
const SIGNED_OUT = 4401;

let gathering = 0;
let focused = "";

function ask() {
  htmx.trigger(changes, "changed");
}

function askSoon() {
  clearTimeout(gathering);
  gathering = setTimeout(ask, HINTS_GATHERED_MS);
}

function showConnection(words) {
  connection.hidden = !words;
  if (connection.textContent !== words) connection.textContent = words;
}

function showLost() {
  showConnection(`Reconnecting… showing until ${changes.dataset.clock}`);
}

function concerns({ type, data }) {
  return hints.includes(type) && (!camera || !data.camera_id || data.camera_id === camera);
}

changes.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.xhr.status === 404) return location.reload(); // what it is about was put away
  if (!event.detail.successful) return showLost();
  const clock = event.detail.xhr.getResponseHeader("X-Page-Clock");
  if (!clock) return location.reload(); // the login page answered
  changes.dataset.clock = clock;
  showConnection("");
});

document.body.addEventListener("htmx:wsOpen", ask);
document.body.addEventListener("htmx:wsBeforeMessage", (event) => {
  event.preventDefault(); // JSON, not a fragment
  if (concerns(JSON.parse(event.detail.message))) askSoon();
});
document.body.addEventListener("htmx:wsClose", (event) => {
  if (event.detail.event.code === SIGNED_OUT) location.reload();
});

document.body.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
  for (const fold of detail.target.querySelectorAll("details[open][id]")) {
    detail.fragment.querySelector(`#${CSS.escape(fold.id)}`)?.setAttribute("open", "");
  }
  focused = detail.target.contains(document.activeElement) ? document.activeElement.id : "";
});
document.body.addEventListener("htmx:oobAfterSwap", () => {
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  focused = "";
});
