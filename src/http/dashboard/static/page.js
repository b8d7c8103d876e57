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
  if (next === null || next.innerHTML === live.dataset.shown) {
    return;
  }
  const shown = next.innerHTML;
  const open = [...live.querySelectorAll("details")].map((details) => details.open);
  const focus = [...live.querySelectorAll("a, summary, button")].indexOf(document.activeElement);
  live.replaceChildren(...next.childNodes);
  live.dataset.shown = shown;
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
  let asked = 0;
  form.addEventListener("change", async () => {
    const mine = ++asked;
    const query = new URLSearchParams(new FormData(form));
    const answer = await fetch(`days?${query}`, { headers: { accept: "text/html" }, redirect: "manual" });
    if (!answer.ok || mine !== asked) {
      return;
    }
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.getElementById("link").replaceChildren(...next.getElementById("link").childNodes);
    // Views are those of the source.
    form.elements.view.replaceChildren(...next.querySelector("[name=view]").childNodes);
    copies();
  });
}

draw();
tellTimes();
setInterval(tellTimes, 1000);
copies();
linkForm();
const live = document.getElementById("live");
if (live !== null) {
  setInterval(() => refresh(live).catch(() => {}), Number(live.dataset.refresh) * 1000);
}
