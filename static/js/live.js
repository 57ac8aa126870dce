// The live page. A message on the socket is only a hint: the page then fetches ready-made fragments of what
// changed since its cursor. The same request catches up after a lost connection, and polls in between.
//
// A fragment replaces the element of its id, unless both have the same version. htmx knows no place for one
// that is new: it goes by data-home (its list) and data-order (highest first). While the reader is further
// down, new visits wait behind the pill.

const changes = document.getElementById("changes");
const connection = document.getElementById("connection");
const pill = document.getElementById("pill");
const READING_BELOW = 200; // pixels scrolled
const FOCUSABLE = "button, summary, a:not([tabindex])";
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
window.addEventListener("online", fetchChanges); // the socket's next try may be half a minute away
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

document.body.addEventListener("htmx:sendError", showLost);
document.body.addEventListener("htmx:responseError", (event) => {
  if (event.target !== changes) location.reload(); // the press meant a page that is no longer so
});

// ---- fragments ------------------------------------------------------------------------------------------

const eventsOf = (element) => (element.dataset.events ?? "").split(" ").filter(Boolean);

function isReadingBelow() {
  return window.scrollY > READING_BELOW;
}

function shownEvents() {
  return new Set([...document.querySelectorAll("[data-events]")].flatMap(eventsOf));
}

function bringsNewEvents(fragment, shown) {
  return eventsOf(fragment).some((id) => !shown.has(id));
}

function hold(fragment) {
  held.set(fragment.id, fragment);
  showPill();
}

function showPill() {
  const shown = shownEvents();
  const fresh = new Set([...held.values()].flatMap(eventsOf).filter((id) => !shown.has(id)));
  pill.textContent = `${fresh.size} new`;
  pill.hidden = fresh.size === 0;
}

function put(fragment) {
  const present = document.getElementById(fragment.id);
  const focused = present?.contains(document.activeElement) ? document.activeElement.closest("[id]") : null;
  if (present) keepOpen(present, fragment);
  if (present && present.dataset.order === fragment.dataset.order) {
    present.replaceWith(fragment);
  } else {
    present?.remove();
    insert(fragment);
  }
  htmx.process(fragment);
  if (fragment.id === "toast") hideToastLater();
  if (focused) focusAgain(document.getElementById(focused.id));
}

function focusAgain(element) {
  const control = element?.matches(FOCUSABLE) ? element : element?.querySelector(FOCUSABLE);
  control?.focus({ preventScroll: true });
}

// The next visit takes the place of a reviewed one, for the keyboard too.
function remove(present) {
  const next = present.contains(document.activeElement) ? present.nextElementSibling?.querySelector("button") : null;
  present.remove();
  next?.focus({ preventScroll: true });
}

function insert(fragment) {
  const list = document.getElementById(fragment.dataset.home);
  const order = Number(fragment.dataset.order);
  const next = [...list.children].find((other) => Number(other.dataset.order) < order);
  fragment.classList.add("is-new");
  list.insertBefore(fragment, next ?? null);
}

// What the reader has unfolded stays unfolded.
function keepOpen(before, after) {
  for (const fold of before.querySelectorAll("details[open][id]")) {
    after.querySelector(`#${CSS.escape(fold.id)}`)?.setAttribute("open", "");
  }
}

function isToBeLeft(present, fragment) {
  const isSame = fragment.dataset.version !== undefined && fragment.dataset.version === present.dataset.version;
  return isSame || present.querySelector("form[data-busy]") !== null; // pictures are being sent from it
}

function apply(fragment, shown) {
  const present = document.getElementById(fragment.id);
  const isGone = fragment.getAttribute("hx-swap-oob") === "delete";
  fragment.removeAttribute("hx-swap-oob");
  held.delete(fragment.id);
  if (isGone) present && remove(present);
  else if (present && isToBeLeft(present, fragment)) return;
  else if (isReadingBelow() && bringsNewEvents(fragment, shown)) hold(fragment);
  else if (present || fragment.dataset.home) put(fragment);
}

document.body.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.isError) return;
  event.detail.shouldSwap = false;
  const answer = new DOMParser().parseFromString(event.detail.serverResponse, "text/html");
  const shown = shownEvents(); // before anything goes: a card that becomes a row is nothing new
  answer.querySelectorAll("[hx-swap-oob]").forEach((fragment) => apply(document.adoptNode(fragment), shown));
  showPill();
});

function putHeld() {
  const fragments = [...held.values()];
  held.clear();
  fragments.forEach(put);
  showPill();
}

pill.addEventListener("click", () => {
  window.scrollTo({ top: 0 });
  putHeld();
  document.getElementById("main").focus({ preventScroll: true });
});
window.addEventListener("scroll", () => held.size && !isReadingBelow() && putHeld(), { passive: true });

// ---- the toast after a press ----------------------------------------------------------------------------

function hideToastLater() {
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => {
    document.getElementById("toast").hidden = true;
  }, TOAST_MS);
}

hideToastLater();
