// Drawing by a mouse, a pen or one finger: a press that stays is a tap, one that moves is a drag. Points are shares
// of the picture. Loaded by zone_editor.js.

import { holds, within } from "./zone_shape.js";

const STAYS_WITHIN = 6; // pixels
const REACH = 26; // pixels around a corner

function followHand(stage, { begin, drag, drop, tap, giveUp }) {
  let press = null; // the one that is down
  let isDragging = false;

  function pointOf(event) {
    const frame = stage.getBoundingClientRect();
    return [(event.clientX - frame.left) / frame.width, (event.clientY - frame.top) / frame.height];
  }

  function end() {
    press = null;
    isDragging = false;
  }

  stage.addEventListener("pointerdown", (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    press = { id: event.pointerId, x: event.clientX, y: event.clientY, point: pointOf(event) };
    stage.setPointerCapture(event.pointerId); // a hand that leaves the picture still holds the corner
  });

  stage.addEventListener("pointermove", (event) => {
    if (press?.id !== event.pointerId) return;
    const isFar = Math.hypot(event.clientX - press.x, event.clientY - press.y) > STAYS_WITHIN;
    if (!isDragging && isFar) {
      isDragging = true;
      begin(press.point);
    }
    if (isDragging) drag(pointOf(event));
  });

  stage.addEventListener("pointerup", (event) => {
    if (press?.id !== event.pointerId) return;
    const { point } = press;
    const wasDragging = isDragging;
    end();
    if (wasDragging) drop();
    else tap(point);
  });

  function stop() {
    const wasDragging = isDragging;
    end();
    if (wasDragging) giveUp();
    return wasDragging;
  }

  stage.addEventListener("pointercancel", stop);
  return stop; // for Escape: whether there was a drag
}

// A corner is pulled, all of it from within, or a new rectangle or corner out of nothing. Gives what ends a drag.
export function drawByHand(drawing, stage, { isNew, did, step, undo, help }) {
  let pull = null; // what the drag in progress does
  const isAdding = () => isNew && !drawing.isRectangle;

  function cornerNear([x, y]) {
    const { width, height } = stage.getBoundingClientRect();
    const distances = drawing.corners.map((corner) => Math.hypot((corner[0] - x) * width, (corner[1] - y) * height));
    const least = Math.min(...distances);
    return least <= REACH ? distances.indexOf(least) : -1;
  }

  function begin(from) {
    const near = cornerNear(from);
    const before = drawing.corners;
    drawing.remember();
    if (near >= 0) {
      drawing.select(near);
      const [dx, dy] = [before[near][0] - from[0], before[near][1] - from[1]]; // it does not jump under the hand
      pull = ([x, y]) => drawing.move([x + dx, y + dy]);
    } else if (before.length > 2 && holds(before, from)) {
      pull = ([x, y]) => drawing.shift(before, [x - from[0], y - from[1]]);
    } else if (drawing.isRectangle && !before.length) {
      pull = (to) => drawing.drawRectangle(within(from), within(to));
    } else if (isAdding()) {
      drawing.add(within(from));
      pull = (to) => drawing.move(to);
    } else {
      drawing.forget();
      pull = null;
    }
  }

  function tap(point) {
    const near = cornerNear(point);
    if (near >= 0) {
      drawing.select(near);
      drawing.focusSelected();
      did();
    } else if (isAdding()) {
      step(() => drawing.add(within(point)));
    } else if (!drawing.corners.length) {
      help();
    }
  }

  return followHand(stage, {
    begin,
    drag: (to) => pull?.(to),
    drop: () => pull && did(),
    giveUp: () => pull && undo(),
    tap,
  });
}
