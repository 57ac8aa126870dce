// The live page. A message on the socket is only a hint: the page then fetches ready-made fragments of what
// changed since its cursor. The same request catches up after a lost connection, and polls in between.
//
// A fragment that is on the page is swapped by its id. A new one finds its place by data-home (the list) and
// data-order (highest first). While the reader is further down, new ones wait behind the pill.

const changes = document.getElementById("changes");
const connection = document.getElementById("connection");
const pill = document.getElementById("pill");
const READING_BELOW = 200; // pixels scrolled
const HINTS_GATHERED_MS = 150;
const TOAST_MS = 10_000;
const SIGNED_OUT = 4401;

const held = new Map(); // fragments that wait behind the pill, by id
let gathering = 0;
let toastTimer = 0;

function fetchChanges() {
  clearTimeout(gathering);
  gathering = setTimeout(() => htmx.trigger(changes, "changed"), HINTS_GATHERED_MS);
}

// ---- connection -----------------------------------------------------------------------------------------

function showConnection(words) {
  connection.hidden = !words;
  if (connection.textContent !== words) connection.textContent = words;
}

function showLost() {
  showConnection(`Reconnecting… showing until ${changes.dataset.clock}`);
}

document.body.addEventListener("htmx:wsOpen", fetchChanges);
document.body.addEventListener("htmx:wsBeforeMessage", (event) => {
  event.preventDefault(); // JSON, not a fragment
  fetchChanges();
});
document.body.addEventListener("htmx:wsClose", (event) => {
  if (event.detail.event.code === SIGNED_OUT) location.reload();
  else showLost();
});

changes.addEventListener("htmx:configRequest", (event) => {
  event.detail.parameters.since = changes.dataset.cursor;
});
changes.addEventListener("htmx:afterRequest", (event) => {
  if (!event.detail.successful) return showLost();
  const cursor = event.detail.xhr.getResponseHeader("X-Live-Cursor");
  if (!cursor) return location.reload(); // the login page answered
  changes.dataset.cursor = cursor;
  changes.dataset.clock = event.detail.xhr.getResponseHeader("X-Live-Clock");
  showConnection("");
});

// ---- fragments ------------------------------------------------------------------------------------------

const eventsOf = (element) => (element.dataset.events ?? "").split(" ").filter(Boolean);

function isReadingBelow() {
  return window.scrollY > READING_BELOW;
}

function shownEvents() {
  return new Set([...document.querySelectorAll("[data-events]")].flatMap(eventsOf));
}

function bringsNewEvents(fragment) {
  const shown = shownEvents();
  return eventsOf(fragment).some((id) => !shown.has(id));
}

function hold(fragment) {
  held.set(fragment.id, fragment.cloneNode(true));
  showPill();
}

function showPill() {
  const shown = shownEvents();
  const fresh = new Set([...held.values()].flatMap(eventsOf).filter((id) => !shown.has(id)));
  pill.textContent = `${fresh.size} new`;
  pill.hidden = fresh.size === 0;
}

function place(fragment) {
  const present = document.getElementById(fragment.id);
  const list = document.getElementById(fragment.dataset.home);
  if (present) {
    present.replaceWith(fragment);
  } else {
    fragment.classList.add("is-new");
    const order = Number(fragment.dataset.order);
    const next = [...list.children].find((other) => Number(other.dataset.order) < order);
    list.insertBefore(fragment, next ?? null);
  }
  htmx.process(fragment);
}

function placeHeld() {
  const fragments = [...held.values()];
  held.clear();
  fragments.forEach(place);
  showPill();
}

document.body.addEventListener("htmx:oobBeforeSwap", (event) => {
  const { target, fragment } = event.detail;
  const incoming = fragment.firstElementChild;
  if (incoming?.id !== target.id) {
    held.delete(target.id); // a deletion
    return;
  }
  const isSame = target.dataset.version !== undefined && target.dataset.version === incoming.dataset.version;
  if (isSame || (target.id === "note" && target.querySelector("[data-busy]"))) {
    event.preventDefault();
  } else if (incoming.dataset.events && isReadingBelow() && bringsNewEvents(incoming)) {
    event.preventDefault();
    hold(incoming);
  } else {
    keepOpen(target, incoming);
  }
});

document.body.addEventListener("htmx:oobErrorNoTarget", (event) => {
  const fragment = event.detail.content;
  if (!fragment.dataset.home) return; // gone already
  if (fragment.dataset.events && isReadingBelow()) hold(fragment);
  else place(fragment);
});

// What the reader has unfolded stays unfolded.
function keepOpen(before, after) {
  for (const fold of before.querySelectorAll("details[open][id]")) {
    after.querySelector(`#${CSS.escape(fold.id)}`)?.setAttribute("open", "");
  }
}

pill.addEventListener("click", () => {
  window.scrollTo({ top: 0 });
  placeHeld();
  document.getElementById("main").focus({ preventScroll: true });
});
window.addEventListener("scroll", () => held.size && !isReadingBelow() && placeHeld(), { passive: true });

// ---- the toast after a press ----------------------------------------------------------------------------

document.body.addEventListener("htmx:oobAfterSwap", (event) => {
  if (event.detail.target.id === "toast") hideToastLater();
});

function hideToastLater() {
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => {
    document.getElementById("toast").hidden = true;
  }, TOAST_MS);
}

hideToastLater();
