// Copy buttons that also work on a page served by http from the home's network, where navigator.clipboard is missing:
// there the text is selected and copied as by hand.
//
// And: the answer that shows a password is at the address of a form. Its address becomes that of the page, so that a
// reload shows the page and sends nothing again.

const SHOWN_MS = 2_000;

const shown = document.querySelector("[data-address]");
if (shown) history.replaceState(null, "", shown.dataset.address);

function select(element) {
  if (element instanceof HTMLInputElement) {
    element.focus({ preventScroll: true });
    element.setSelectionRange(0, element.value.length); // select() alone does nothing on some phones
  } else {
    getSelection().selectAllChildren(element);
  }
}

async function copied(element) {
  const text = element.value ?? element.textContent;
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    select(element); // missing here, or not allowed
    return document.execCommand("copy");
  }
}

for (const button of document.querySelectorAll("[data-copy]")) {
  const words = button.firstChild;
  const before = words.textContent;
  button.hidden = false;
  button.setAttribute("aria-live", "polite");
  button.addEventListener("click", async () => {
    const done = await copied(document.getElementById(button.dataset.copy));
    if (done) button.focus({ preventScroll: true });
    words.textContent = done ? "Copied" : "Selected";
    setTimeout(() => {
      words.textContent = before;
    }, SHOWN_MS);
  });
}
