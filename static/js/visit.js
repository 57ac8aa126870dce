// The page of one visit follows the visit while it goes on, unless the reader is writing a note.

const WAIT_MS = 300;
let waiting = 0;

function isWriting() {
  const notes = document.querySelector("textarea.notes");
  return notes && (document.activeElement === notes || notes.value !== notes.defaultValue);
}

function refresh() {
  if (isWriting()) return;
  const open = [...document.querySelectorAll("#visit details[open]")].map((details) => details.id);
  const options = { target: "#visit", select: "#visit", swap: "outerHTML" };
  htmx.ajax("GET", location.pathname + location.search, options).then(() => {
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  });
}

document.body.addEventListener("htmx:afterSettle", () => {
  document.querySelector(".frame[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
});

document.body.addEventListener("htmx:wsBeforeMessage", (event) => {
  event.preventDefault();
  const hint = JSON.parse(event.detail.message);
  const visit = document.getElementById("visit");
  if (hint.type !== "event" || String(hint.data.id) !== visit.dataset.event) return;
  clearTimeout(waiting);
  waiting = setTimeout(refresh, WAIT_MS);
});

setTimeout(() => {
  document.getElementById("toast").hidden = true;
}, 10_000);
