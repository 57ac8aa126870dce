// Corners of a zone, as shares of the picture's width and height: [[x, y], …]. Each function gives new corners.

const DIGITS = 10_000;

const held = (share) => Math.min(Math.max(share, 0), 1);

export const within = ([x, y]) => [held(x), held(y)];

export const rounded = (corners) => corners.map((corner) => corner.map((share) => Math.round(share * DIGITS) / DIGITS));

// From one corner to the opposite one; then across, down, back.
export const rectangle = ([x1, y1], [x2, y2]) => [[x1, y1], [x2, y1], [x2, y2], [x1, y2]];

export function withCorner(corners, index, corner) {
  return [...corners.slice(0, index), corner, ...corners.slice(index)];
}

export function withoutCorner(corners, index) {
  return corners.filter((_, other) => other !== index);
}

export function moved(corners, index, to, isRectangle) {
  const corner = within(to);
  if (isRectangle) return movedRectangle(corners, index, corner);
  return corners.map((other, place) => (place === index ? corner : other));
}

// The neighbours come along, so that it stays one: after an even corner the side leads across, before it down.
function movedRectangle(corners, index, [x, y]) {
  const after = (index + 1) % 4;
  const before = (index + 3) % 4;
  const [across, down] = index % 2 === 0 ? [after, before] : [before, after];
  return corners.map((corner, place) => {
    if (place === index) return [x, y];
    if (place === across) return [corner[0], y];
    return place === down ? [x, corner[1]] : corner;
  });
}

// All of it, as far as the picture reaches.
export function shifted(corners, [dx, dy]) {
  const fits = (shift, shares) => Math.min(Math.max(shift, -Math.min(...shares)), 1 - Math.max(...shares));
  const x = fits(dx, corners.map((corner) => corner[0]));
  const y = fits(dy, corners.map((corner) => corner[1]));
  return corners.map((corner) => [corner[0] + x, corner[1] + y]);
}

export function middleOfSide(corners, index) {
  const [[x1, y1], [x2, y2]] = [corners[index], corners[(index + 1) % corners.length]];
  return [(x1 + x2) / 2, (y1 + y2) / 2];
}

export function holds(corners, [x, y]) {
  let inside = false;
  corners.forEach(([x1, y1], index) => {
    const [x2, y2] = corners[(index + 1) % corners.length];
    if (y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1) inside = !inside;
  });
  return inside;
}

const turn = ([ax, ay], [bx, by], [cx, cy]) => Math.sign((bx - ax) * (cy - ay) - (by - ay) * (cx - ax));

function sidesCross([a, b], [c, d]) {
  return turn(a, b, c) * turn(a, b, d) < 0 && turn(c, d, a) * turn(c, d, b) < 0;
}

// A hint while drawing; the server decides.
export function crossesItself(corners) {
  const sides = corners.map((corner, index) => [corner, corners[(index + 1) % corners.length]]);
  return sides.some((side, index) => sides.slice(index + 2).some((other) => sidesCross(side, other)));
}
