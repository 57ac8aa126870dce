// The System page asks every few seconds which of its parts changed, and at once when a stage pauses or goes on.
// Only those are answered, and replaced by their id; what did not change keeps its focus and its folds.

const changes = document.getElementById("changes");
const connection = document.getElementById("connection");
const SIGNED_OUT = 4401;

function ask() {
  htmx.trigger(changes, "changed");
}

function showConnection(words) {
  connection.hidden = !words;
  if (connection.textContent !== words) connection.textContent = words;
}

function showLost() {
  showConnection(`Reconnecting… showing until ${changes.dataset.clock}`);
}

changes.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.successful) return showLost();
  const clock = event.detail.xhr.getResponseHeader("X-System-Clock");
  if (!clock) return location.reload(); // the login page answered
  changes.dataset.clock = clock;
  showConnection("");
});

document.body.addEventListener("htmx:wsOpen", ask);
document.body.addEventListener("htmx:wsBeforeMessage", (event) => {
  event.preventDefault(); // JSON, not a fragment
  if (JSON.parse(event.detail.message).type === "stage") ask();
});
document.body.addEventListener("htmx:wsClose", (event) => {
  if (event.detail.event.code === SIGNED_OUT) location.reload();
});

document.body.addEventListener("htmx:oobBeforeSwap", ({ detail }) => {
  for (const fold of detail.target.querySelectorAll("details[open][id]")) {
    detail.fragment.querySelector(`#${CSS.escape(fold.id)}`)?.setAttribute("open", "");
  }
});
