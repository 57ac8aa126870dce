// The rule builder: its sentence follows what is chosen, and a score that is typed is one that is meant.

const form = document.getElementById("rule-form");
const preview = document.getElementById("preview");
const QUIET_MS = 250;

let quiet = 0;

function askSoon() {
  clearTimeout(quiet);
  quiet = setTimeout(() => htmx.trigger(preview, "draft-changed"), QUIET_MS);
}

form.addEventListener("input", (event) => {
  if (event.target.name === "risk_threshold" && event.target.value !== "") {
    form.querySelector('input[name="worry"][value="other"]').checked = true;
  }
  askSoon();
});
