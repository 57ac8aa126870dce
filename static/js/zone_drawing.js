// The corners that are being drawn: what can be done to them, step by step, and how they are shown. zone_editor.js
// tells it what a person wants.

import { crossesItself, middleOfSide, moved, rectangle, rounded, shifted, withCorner, withoutCorner } from "./zone_shape.js";

const MIDDLE = rectangle([0.35, 0.35], [0.65, 0.65]);
const MOST_STEPS = 100;

const inPercent = (share) => `${Math.round(share * 100)} %`;

export class Drawing {
  constructor(form) {
    this.form = form;
    this.lines = form.querySelectorAll("polygon[data-draft]");
    this.ground = form.querySelector(".zone-stage svg").viewBox.baseVal;
    this.handles = form.querySelector(".handles");
    this.crossing = form.querySelector("[data-crossing]");
    this.past = [];
    this.corners = this.cornersOfForm();
    this.isRectangle = form.elements.shape.value === "rectangle" && [0, 4].includes(this.corners.length);
    if (this.isRectangle && this.corners.length) this.corners = rectangle(this.corners[0], this.corners[2]);
    this.selected = this.corners.length - 1;
    this.show();
  }

  cornersOfForm() {
    try {
      return JSON.parse(this.form.elements.coordinates.value || "[]");
    } catch {
      return []; // cut short on its way
    }
  }

  // ---- steps ----------------------------------------------------------------------------------------------

  // Before a step, or the first of many that are one.
  remember() {
    const { corners, isRectangle, selected } = this;
    this.past = [...this.past, { corners, isRectangle, selected }].slice(-MOST_STEPS);
    this.form.toggleAttribute("data-unsaved", true);
  }

  // The step came to nothing.
  forget() {
    this.past.pop();
  }

  undo() {
    Object.assign(this, this.past.pop());
    this.show();
  }

  drawRectangle(from, to) {
    this.corners = rectangle(from, to);
    this.selected = 2;
    this.show();
  }

  putInTheMiddle() {
    this.corners = MIDDLE;
    this.selected = 0;
    this.show();
  }

  clear() {
    this.corners = [];
    this.selected = -1;
    this.show();
  }

  // After the one that is selected; a rectangle is a free shape from then on.
  add(corner) {
    this.selected += 1;
    this.corners = withCorner(this.corners, this.selected, corner);
    this.isRectangle = false;
    this.show();
  }

  addInTheMiddleOfASide() {
    this.add(middleOfSide(this.corners, this.selected));
  }

  remove() {
    this.corners = withoutCorner(this.corners, this.selected);
    this.selected = Math.min(this.selected, this.corners.length - 1);
    this.isRectangle = false;
    this.show();
  }

  move(to) {
    this.corners = moved(this.corners, this.selected, to, this.isRectangle);
    this.show();
  }

  shift(from, by) {
    this.corners = shifted(from, by);
    this.show();
  }

  select(index) {
    this.selected = index;
    this.show();
  }

  // ---- on the page ----------------------------------------------------------------------------------------

  get crosses() {
    return crossesItself(this.corners);
  }

  show() {
    const { width, height } = this.ground;
    const points = this.corners.map(([x, y]) => `${x * width},${y * height}`).join(" ");
    for (const line of this.lines) line.setAttribute("points", points);
    this.form.elements.coordinates.value = JSON.stringify(rounded(this.corners));
    this.form.elements.shape.value = this.isRectangle ? "rectangle" : "polygon";
    this.form.classList.toggle("is-crossing", this.crosses);
    this.crossing.hidden = !this.crosses;
    this.showHandles();
  }

  // They are kept, not made anew, so that the one with the focus keeps it.
  showHandles() {
    while (this.handles.children.length > this.corners.length) this.handles.lastElementChild.remove();
    while (this.handles.children.length < this.corners.length) this.handles.append(newHandle());
    this.corners.forEach(([x, y], index) => {
      const handle = this.handles.children[index];
      handle.style.left = `${x * 100}%`;
      handle.style.top = `${y * 100}%`;
      handle.setAttribute("aria-label", this.whereIs(index));
      handle.classList.toggle("is-selected", index === this.selected);
    });
  }

  whereIs(index) {
    const [x, y] = this.corners[index];
    return `Corner ${index + 1} of ${this.corners.length}: ${inPercent(x)} from the left, ${inPercent(y)} from the top`;
  }

  focusSelected() {
    this.handles.children[this.selected]?.focus({ preventScroll: true });
  }
}

function newHandle() {
  const handle = document.createElement("button");
  handle.type = "button";
  handle.className = "handle";
  return handle;
}
