// What every page gains by scripts: moments that stay true, figures that come by themselves, buttons that copy. All of it can be
// read without.

import { draw } from "./charts.js";

const UNITS = [[172800, 86400, "day"], [7200, 3600, "hour"], [120, 60, "minute"], [10, 1, "second"]];

function ago(moment, now) {
  const seconds = Math.floor((now - moment) / 1000);
  for (const [from, size, unit] of UNITS) {
    if (seconds >= from) {
      const number = Math.floor(seconds / size);
      return `${number} ${unit}${number === 1 ? "" : "s"} ago`;
    }
  }
  return "just now";
}

function tellTimes() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const text = ago(Date.parse(time.dateTime), Date.now());
    if (time.textContent !== text) {
      time.textContent = text;
    }
  }
}

// What a part of a page tells, but for how long ago something was.
function told(part) {
  const copy = part.cloneNode(true);
  copy.querySelectorAll("time[datetime]").forEach((time) => (time.textContent = ""));
  return copy.innerHTML;
}

const live = document.getElementById("live");
let shown = live && told(live);

// The part of the page that shows how it goes is fetched again while somebody looks, and put in where it differs.
async function refresh(live) {
  if (document.hidden) {
    return;
  }
  const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "manual" });
  if (answer.type === "opaqueredirect") {
    // The session is over.
    location.reload();
    return;
  }
  if (!answer.ok) {
    return;
  }
  const next = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
  if (next === null || told(next) === shown) {
    return;
  }
  shown = told(next);
  const open = [...live.querySelectorAll("details")].map((details) => details.open);
  const focus = [...live.querySelectorAll("a, summary, button")].indexOf(document.activeElement);
  live.replaceChildren(...next.childNodes);
  live.querySelectorAll("details").forEach((details, nth) => (details.open = open[nth] ?? false));
  if (focus >= 0) {
    live.querySelectorAll("a, summary, button")[focus]?.focus({ preventScroll: true });
  }
  draw();
  tellTimes();
}

function copies() {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    if (navigator.clipboard === undefined) {
      continue;
    }
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = "Copied";
    });
  }
}

// The link follows the form as it is filled in.
function linkForm() {
  const form = document.getElementById("link-form");
  if (form === null) {
    return;
  }
  const filledIn = () => new URLSearchParams(new FormData(form));
  let asked = filledIn().toString();
  const follow = async () => {
    const query = filledIn();
    const mine = query.toString();
    if (mine === asked) {
      return;
    }
    asked = mine;
    const answer = await fetch(`days?${query}`, { headers: { accept: "text/html" }, redirect: "manual" });
    if (!answer.ok || mine !== asked) {
      return;
    }
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.getElementById("link").replaceChildren(...next.getElementById("link").childNodes);
    // Views are those of the source.
    const view = form.elements.view;
    view.replaceChildren(...next.querySelector("[name=view]").childNodes);
    // Each option was the chosen one when those before it had gone.
    view.value = query.get("view");
    if (view.value !== query.get("view")) {
      view.value = "";
      follow();
    }
    copies();
  };
  form.addEventListener("change", follow);
  // And while something is typed: so nobody who goes from there to the button copies the link of before.
  let typed = 0;
  form.addEventListener("input", () => {
    clearTimeout(typed);
    typed = setTimeout(follow, 400);
  });
}

// A long text is hard to look through: this goes to the place of its fault.
function faults() {
  const text = document.querySelector("textarea[data-fault]");
  const button = document.getElementById("to-fault");
  if (text === null || button === null) {
    return;
  }
  button.hidden = false;
  const at = Number(text.dataset.fault);
  button.addEventListener("click", () => {
    text.focus();
    text.setSelectionRange(at, at + 1);
  });
}

draw();
tellTimes();
setInterval(tellTimes, 1000);
copies();
linkForm();
faults();
if (live !== null) {
  setInterval(() => refresh(live).catch(() => {}), Number(live.dataset.refresh) * 1000);
}
