// How many alerts wait, beside their word in the navigation: asked when a page opens, after a hint, and each minute.

const places = document.querySelectorAll("[data-alerts-waiting]");
const address = places[0].dataset.alertsWaiting;
const EACH_MS = 60_000;
const HINTS_GATHERED_MS = 300;

let gathering = 0;

function show(waiting) {
  for (const place of places) {
    place.hidden = waiting === 0;
    place.textContent = waiting > 99 ? "99+" : waiting;
    place.title = `${waiting} alert${waiting === 1 ? " waits" : "s wait"}`;
  }
}

async function look() {
  try {
    const answer = await fetch(address, { redirect: "error" });
    if (answer.ok) show((await answer.json()).waiting);
  } catch {
    // Out of reach or signed out: the page itself says so, and the next look may do better.
  }
}

document.body.addEventListener("htmx:wsBeforeMessage", (event) => {
  if (JSON.parse(event.detail.message).type !== "alert") return;
  clearTimeout(gathering);
  gathering = setTimeout(look, HINTS_GATHERED_MS);
});

look();
setInterval(look, EACH_MS);
