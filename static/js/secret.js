// Lets the reader see what they type into a field that hides it.

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-reveals]");
  if (!button) return;
  const field = document.getElementById(button.dataset.reveals);
  const isHidden = field.type === "password";
  field.type = isHidden ? "text" : "password";
  button.textContent = isHidden ? "Hide" : "Show";
  field.focus();
});

for (const button of document.querySelectorAll("[data-reveals]")) button.hidden = false;
document.body.addEventListener("htmx:afterSwap", () => {
  for (const button of document.querySelectorAll("[data-reveals]")) {
    button.hidden = false;
    button.textContent = document.getElementById(button.dataset.reveals).type === "password" ? "Show" : "Hide";
  }
});
