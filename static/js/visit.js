// The page of one visit follows the visit while it goes on, unless the reader is writing a note.

const WAIT_MS = 300;
let waiting = 0;
let telling = 0;
let othersAreOpen;

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

function askWhoWasTold() {
  const decided = document.getElementById("decided");
  if (decided) htmx.trigger(decided, "told");
}

// What the reader has unfolded stays unfolded.
document.body.addEventListener("htmx:beforeSwap", () => {
  othersAreOpen = document.getElementById("decided-others")?.open;
});
document.body.addEventListener("htmx:afterSwap", () => {
  if (othersAreOpen !== undefined) document.getElementById("decided-others")?.toggleAttribute("open", othersAreOpen);
});

document.body.addEventListener("htmx:afterSettle", () => {
  document.querySelector(".frame[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
});

document.body.addEventListener("htmx:wsBeforeMessage", (event) => {
  event.preventDefault();
  const { type, data } = JSON.parse(event.detail.message);
  const visit = document.getElementById("visit");
  if (type === "event" && String(data.id) === visit.dataset.event) {
    clearTimeout(waiting);
    waiting = setTimeout(refresh, WAIT_MS);
  } else if (type === "delivery" || (type === "alert" && data.camera_id === visit.dataset.camera)) {
    clearTimeout(telling);
    telling = setTimeout(askWhoWasTold, WAIT_MS);
  }
});

setTimeout(() => {
  document.getElementById("toast").hidden = true;
}, 10_000);
