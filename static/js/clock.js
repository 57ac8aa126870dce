// Keeps ages ("40 s ago"), times to come ("in 20 s") and the length of open visits true while a page stays open.
// The words are those of cameras/words.py.

function span(seconds) {
  const whole = Math.max(Math.floor(seconds), 0);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 86400) {
    const hours = Math.floor(whole / 3600);
    const minutes = Math.floor((whole % 3600) / 60);
    return minutes && hours < 6 ? `${hours} h ${minutes} min` : `${hours} h`;
  }
  const days = Math.floor(whole / 86400);
  return days === 1 ? "1 day" : `${days} days`;
}

function secondsSince(moment) {
  return (Date.now() - Date.parse(moment)) / 1000;
}

function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

function tick() {
  for (const element of document.querySelectorAll("[data-since]")) {
    write(element, span(secondsSince(element.dataset.since)));
  }
  for (const element of document.querySelectorAll("time[data-age]")) {
    const age = secondsSince(element.dateTime);
    write(element, age < 5 ? "just now" : `${span(age)} ago`);
  }
  for (const element of document.querySelectorAll("time[data-until]")) {
    const left = -secondsSince(element.dateTime);
    write(element, left >= 1 ? `in ${span(left)}` : "now");
  }
}

tick();
setInterval(tick, 1000);
