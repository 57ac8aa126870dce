// After a press in the inbox the page asks at once what changed, and the keyboard goes on to the next alert.

const changes = document.getElementById("changes");

function nextButton(form) {
  const card = form.closest("article");
  const name = form.querySelector("button").id.split("-")[0];
  return card.nextElementSibling?.querySelector(`button[id^="${name}-"]`)?.id;
}

document.body.addEventListener("htmx:beforeRequest", (event) => {
  const form = event.target.closest("form[data-handles]");
  if (form?.contains(document.activeElement)) form.dataset.next = nextButton(form) ?? "inbox-title";
});

document.body.addEventListener("htmx:afterRequest", (event) => {
  const form = event.target.closest("form[data-handles]");
  if (!form) return;
  if (event.detail.xhr.status === 0) return; // it did not leave: unsent.js says so
  if (!event.detail.successful) return location.reload(); // the press meant an alert that is no longer so
  const { next } = form.dataset;
  if (next) document.getElementById(next)?.focus({ preventScroll: true });
  htmx.trigger(changes, "changed");
});
