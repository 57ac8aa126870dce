// Pictures dropped on the page, or chosen: sent one by one, with a line for each. Without this module the
// form sends them all at once.

const form = document.querySelector("form[data-drop]");

function say(list, words, isError) {
  const line = document.createElement("li");
  line.textContent = words;
  line.classList.toggle("is-error", isError);
  list.append(line);
  return line;
}

async function send(file, list) {
  const line = say(list, `${file.name}: being sent…`, false);
  const body = new FormData(form);
  body.delete("pictures");
  body.append("pictures", file);
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
    const { sentences } = await answer.json();
    line.textContent = sentences.join(" ");
    line.classList.toggle("is-error", !answer.ok);
  } catch {
    line.textContent = `${file.name}: could not be sent. Is the program still running?`;
    line.classList.add("is-error");
  }
}

async function sendAll(files) {
  if (form.hasAttribute("data-busy")) return; // a second press of the button means the first
  const list = form.querySelector("[data-drop-status]");
  list.replaceChildren();
  form.toggleAttribute("data-busy", true);
  for (const file of files) await send(file, list);
  form.querySelector("input[type=file]").value = "";
  form.removeAttribute("data-busy");
}

function dragsFiles(event) {
  return event.dataTransfer?.types.includes("Files");
}

if (form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sendAll(form.querySelector("input[type=file]").files);
  });
  // Anywhere on the page: a file dropped beside the frame must not replace the page.
  document.addEventListener("dragover", (event) => {
    if (!dragsFiles(event)) return;
    event.preventDefault();
    form.classList.add("is-over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) form.classList.remove("is-over");
  });
  document.addEventListener("drop", (event) => {
    if (!dragsFiles(event)) return;
    event.preventDefault();
    form.classList.remove("is-over");
    sendAll(event.dataTransfer.files);
  });
}
