// What could not be sent, or was answered by the login page, is said beside what was pressed, and nothing that was
// typed goes for it. For the pages of alerts; the zone editor says it in its own line.

const NO_ANSWER = "It could not be sent. Is the program still running? Nothing is lost here.";
const SIGNED_OUT = "You are signed out. Log in in another tab; nothing is lost here.";

const placeOf = (element) => element.closest(".deeds") ?? element;
const followsByItself = (element) => element.id === "changes"; // parts.js speaks for it

function hush(element) {
  const line = placeOf(element).nextElementSibling;
  if (line?.matches(".unsent")) line.remove();
}

function say(element, words) {
  if (followsByItself(element)) return;
  hush(element);
  const line = document.createElement("p");
  line.className = "error unsent";
  line.setAttribute("role", "alert");
  line.textContent = words;
  placeOf(element).after(line);
}

document.body.addEventListener("htmx:beforeRequest", ({ detail }) => hush(detail.elt));
document.body.addEventListener("htmx:sendError", ({ detail }) => say(detail.elt, NO_ANSWER));
document.body.addEventListener("htmx:responseError", ({ detail }) => {
  say(detail.elt, `It was refused (${detail.xhr.status}). Nothing is lost here.`);
});
document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (followsByItself(detail.elt) || !new URL(detail.xhr.responseURL).pathname.startsWith("/login/")) return;
  detail.shouldSwap = false;
  say(detail.elt, SIGNED_OUT);
});
