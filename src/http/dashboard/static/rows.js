// Rows that come while somebody looks, and what is shown in another order. All of it can be read without.

const ROWS_MAX = 300;
const LETTERS = 120;

const table = document.getElementById("rows");
const body = table.tBodies[0];
const came = document.getElementById("came");
const columns = [...table.tHead.rows[0].cells].slice(1).map((cell) => Number(cell.dataset.column));
let count = 0;

function hidden(text) {
  return text
    .replaceAll("\n", "⏎")
    .replaceAll("\t", " ")
    .replace(/[\p{Cc}\u00ad\u034f\u061c\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu, (letter) =>
      `⟨${letter.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

function shown(text) {
  const letters = [...text.slice(0, 4 * LETTERS)];
  return hidden(letters.slice(0, LETTERS).join("")) + (letters.length > LETTERS ? "…" : "");
}

function lineOf(row) {
  const line = document.createElement("tr");
  line.className = "new";
  const link = document.createElement("a");
  link.href = table.dataset.row + row.place;
  link.textContent = "open";
  line.insertCell().append(link);
  for (const column of columns) {
    const text = document.createElement("bdi");
    text.textContent = shown(row.cells[column] ?? "");
    line.insertCell().append(text);
  }
  return line;
}

function watch(address) {
  const events = new EventSource(address);
  events.addEventListener("message", (event) => {
    const { rows, skipped } = JSON.parse(event.data);
    document.getElementById("none")?.remove();
    for (const old of body.querySelectorAll(".new")) {
      old.className = "";
    }
    body.prepend(...rows.map(lineOf));
    while (body.rows.length > ROWS_MAX) {
      body.lastElementChild.remove();
    }
    count += rows.length;
    came.textContent = `${count} came since this page was opened${skipped ? ", more than are shown" : ""}`;
  });
  // A new column came, or midnight: rows stand elsewhere now.
  events.addEventListener("anew", () => {
    events.close();
    location.reload();
  });
}

// Sorts what is shown; numbers as numbers.
function sort(nth, button) {
  const down = button.getAttribute("data-next") === "down";
  const rows = [...body.rows].map((row) => [row.cells[nth].textContent, row]);
  const order = new Intl.Collator(undefined, { numeric: true });
  rows.sort(([a], [b]) => order.compare(a, b) * (down ? -1 : 1));
  body.append(...rows.map(([, row]) => row));
  for (const cell of table.tHead.rows[0].cells) {
    cell.removeAttribute("aria-sort");
  }
  button.closest("th").setAttribute("aria-sort", down ? "descending" : "ascending");
  button.setAttribute("data-next", down ? "up" : "down");
}

[...table.tHead.rows[0].cells].slice(1).forEach((cell, nth) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = cell.textContent;
  button.addEventListener("click", () => sort(nth + 1, button));
  cell.replaceChildren(button);
});
if (table.dataset.live !== undefined) {
  watch(table.dataset.live);
}
