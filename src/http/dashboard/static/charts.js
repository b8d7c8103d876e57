// Draws the tables that stand under "As numbers". The numbers are the page's own; nothing is asked for here.

import uPlot from "./uplot.js";

const charts = new Map();

function rowsOf(table) {
  return [...table.tBodies[0].rows].map((row) => [
    row.cells[0].textContent,
    Number(row.cells[1].textContent.replaceAll(",", "")),
  ]);
}

function colors() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  return { bar: of("--accent"), dim: of("--dim"), line: of("--line") };
}

function chart(place, rows) {
  const { bar, dim, line } = colors();
  const names = rows.map(([name]) => name);
  const tip = document.createElement("div");
  tip.className = "tip";
  const axis = { stroke: dim, size: 28, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "12px system-ui" };
  const options = {
    width: place.clientWidth,
    height: 150,
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: { x: { time: false, range: [-0.6, rows.length - 0.4] }, y: { range: (_, __, max) => [0, Math.max(max, 1) * 1.05] } },
    axes: [
      { ...axis, grid: { show: false }, splits: (_, __, ___, max) => ticks(max), values: (_, all) => all.map((n) => short(names[n])) },
      { ...axis, size: 48, values: (_, all) => all.map((n) => (Number.isInteger(n) ? n.toLocaleString("en") : "")) },
    ],
    series: [{}, { fill: bar, stroke: bar, width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.8, 60] }) }],
    hooks: {
      setCursor: [
        (plot) => {
          const n = plot.cursor.idx;
          tip.textContent = n === null || n === undefined ? "" : `${names[n]}: ${rows[n][1].toLocaleString("en")}`;
        },
      ],
    },
  };
  place.replaceChildren();
  const plot = new uPlot(options, [rows.map((_, n) => n), rows.map(([, count]) => count)], place);
  place.append(tip);
  return plot;
}

function ticks(max) {
  const last = Math.floor(max);
  const step = Math.max(1, Math.ceil(last / 6));
  return Array.from({ length: Math.floor(last / step) + 1 }, (_, n) => n * step);
}

// Of a date its month and day.
function short(name) {
  return name === undefined ? "" : name.replace(/^\d{4}-/, "");
}

export function draw() {
  for (const place of document.querySelectorAll("[data-chart]")) {
    const table = document.getElementById(place.dataset.chart);
    place.hidden = false;
    place.setAttribute("aria-hidden", "true");
    charts.get(place.dataset.chart)?.destroy();
    charts.set(place.dataset.chart, chart(place, rowsOf(table)));
  }
}

addEventListener("resize", draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
