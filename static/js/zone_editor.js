// The zone editor. Its form comes from the server and goes back there; here hands and keys change the corners, and
// whatever happens is said aloud. A form that htmx brings later is taken up, too.

import { Drawing } from "./zone_drawing.js";
import { drawByHand } from "./zone_hand.js";

const STEP = 0.005; // an arrow key
const LEAP = 0.05; // with Shift
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const HELP_RECTANGLE = "Drag from one corner to the opposite one, or put it in the middle and move its corners.";
const HELP_POLYGON = "Press where each corner shall be, in order, or put it in the middle and move its corners.";
const HELP_KEYS = "Drag a corner, or move it by the arrow keys (Shift: further). Drag inside to move it all.";

function start(form) {
  const drawing = new Drawing(form);
  const stage = form.querySelector(".zone-stage");
  const tools = form.querySelector("[data-tools]");
  const isNew = !form.elements.seen.value;
  let mayLeave = false; // Escape was pressed once

  function say(words) {
    form.querySelector("[data-said]").textContent = words;
  }

  function sayCorner() {
    const where = drawing.corners.length ? `${drawing.whereIs(drawing.selected)}.` : "Nothing is drawn.";
    say(drawing.crosses ? `${where} Its lines cross each other.` : where);
  }

  // What is of no use now goes; a button that had the focus hands it on.
  function showTools() {
    const { corners, past } = drawing;
    const use = { middle: !corners.length, undo: past.length, add: corners.length > 1, remove: corners.length, clear: isNew && corners.length };
    for (const button of tools.querySelectorAll("[data-do]")) {
      const hadFocus = button === document.activeElement;
      button.hidden = !use[button.dataset.do];
      if (hadFocus && button.hidden) tools.querySelector("[data-do]:not([hidden])")?.focus({ preventScroll: true });
    }
  }

  function did() {
    showTools();
    sayCorner();
  }

  function step(deed) {
    drawing.remember();
    deed();
    did();
  }

  const deeds = {
    middle: () => step(() => drawing.putInTheMiddle()),
    add: () => step(() => drawing.addInTheMiddleOfASide()),
    remove: () => step(() => drawing.remove()),
    clear: () => step(() => drawing.clear()),
    undo: () => {
      if (drawing.past.length) drawing.undo();
      did();
    },
  };

  tools.addEventListener("click", (event) => {
    const deed = event.target.closest("[data-do]")?.dataset.do;
    if (!deed) return;
    deeds[deed]();
    if (deed === "middle" || deed === "add") drawing.focusSelected();
  });

  const stopHand = drawByHand(drawing, stage, { isNew, did, step, undo: deeds.undo, help: () => say(HELP_RECTANGLE) });

  // ---- by keys --------------------------------------------------------------------------------------------

  function pressOnCorner(event) {
    const [dx, dy] = ARROWS[event.key] ?? [];
    if (dx !== undefined) {
      const size = event.shiftKey ? LEAP : STEP;
      const [x, y] = drawing.corners[drawing.selected];
      if (!event.repeat) drawing.remember(); // a key held down is one step
      drawing.move([x + dx * size, y + dy * size]);
      did();
    } else if (event.key === "Delete" || event.key === "Backspace") {
      deeds.remove();
      drawing.focusSelected();
    } else if ((event.key === "+" || event.key === "Insert") && drawing.corners.length > 1) {
      deeds.add();
      drawing.focusSelected();
    } else {
      return;
    }
    event.preventDefault();
  }

  drawing.handles.addEventListener("focusin", (event) => {
    drawing.select([...drawing.handles.children].indexOf(event.target));
    showTools();
  });
  drawing.handles.addEventListener("keydown", pressOnCorner);

  form.addEventListener("keydown", (event) => {
    const isTyping = event.target.matches("input[type=text]");
    if (event.key === "z" && (event.ctrlKey || event.metaKey) && !isTyping) {
      event.preventDefault();
      deeds.undo();
    } else if (event.key === "Escape" && !stopHand()) {
      if (mayLeave || !form.hasAttribute("data-unsaved")) return form.querySelector("[data-cancel]").click();
      say("It is not saved. Press Escape again to leave it.");
      mayLeave = true;
      return;
    }
    mayLeave = false;
  });

  // ---- the form -------------------------------------------------------------------------------------------

  form.addEventListener("change", ({ target }) => {
    form.toggleAttribute("data-unsaved", true);
    if (target.name !== "color") return;
    const line = form.querySelector(".is-draft");
    line.setAttribute("fill", target.value);
    line.setAttribute("stroke", target.value);
  });
  form.querySelector("[data-cancel]").addEventListener("click", (event) => {
    form.removeAttribute("data-unsaved");
    if (!form.hasAttribute("hx-post")) return; // a page of its own: the link leads back
    event.preventDefault();
    form.remove();
    document.getElementById(form.dataset.opener)?.focus();
  });
  form.addEventListener("htmx:sendError", () => say("It could not be sent. Is the program still running? Nothing is lost here."));
  form.addEventListener("htmx:responseError", ({ detail }) => say(`It was not stored (${detail.xhr.status}). Nothing is lost here.`));
  form.addEventListener("submit", () => form.hasAttribute("hx-post") || form.removeAttribute("data-unsaved"));

  tools.hidden = false;
  showTools();
  say(drawing.corners.length ? HELP_KEYS : drawing.isRectangle ? HELP_RECTANGLE : HELP_POLYGON);
}

function startAll() {
  for (const form of document.querySelectorAll("form[data-drawing]:not([data-started])")) {
    form.toggleAttribute("data-started", true);
    start(form);
  }
}

startAll();
document.body.addEventListener("htmx:load", startAll);

// The login page answers whoever was signed out meanwhile: a drawing must not go for it.
document.body.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.target.id !== "zone-editor" || !new URL(detail.xhr.responseURL).pathname.startsWith("/login/")) return;
  detail.shouldSwap = false;
  const said = detail.target.querySelector("[data-said]");
  if (said) said.textContent = "You are signed out. Log in in another tab; nothing is lost here.";
  else location.reload();
});

window.addEventListener("beforeunload", (event) => {
  if (document.querySelector("form[data-unsaved]")) event.preventDefault();
});
