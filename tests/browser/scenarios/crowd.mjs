// Five pages that stay open while much comes: how long they are busy at a stretch, how soon they answer, what they take of
// memory. Played by `cargo bench --bench pages`, which delivers meanwhile and reads the last line.

import { readFileSync } from "node:fs";

const SECONDS = Number(process.env.ROWHOOK_CROWD_SECONDS ?? 60);
const EVERY = 5;
const PAGES = ["", "rows?source=lessonly", "days", "connect", "refused"];

export default async function (world) {
  const visits = [];
  await world.step("five pages are opened", async () => {
    const first = await world.visit();
    await first.context.addInitScript(() => {
      globalThis.busy = [];
      new PerformanceObserver((list) => {
        globalThis.busy.push(...list.getEntries().map((entry) => entry.duration));
      }).observe({ type: "longtask", buffered: true });
    });
    await first.logIn();
    for (const path of PAGES) {
      const page = await first.context.newPage();
      await page.goto(path);
      const session = await first.context.newCDPSession(page);
      visits.push({ path, page, session, busy: [], left: 0 });
    }
    first.troubles = [];
    await first.page.close();
  });

  // What the page holds once nothing is left that could go, in bytes, and how many nodes it has.
  const heap = async ({ session }) => {
    await session.send("HeapProfiler.collectGarbage");
    const { usedSize } = await session.send("Runtime.getHeapUsage");
    const { nodes } = await session.send("Memory.getDOMCounters");
    return [usedSize, nodes];
  };
  // How long until the page has drawn, from asking it.
  const frame = async ({ page }) => {
    const began = performance.now();
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0))));
    return performance.now() - began;
  };
  const samples = [];
  const frames = [];
  await world.step("they stay as they are while much comes", async () => {
    console.log("open");
    const end = Date.now() + SECONDS * 1000;
    for (let nth = 0; Date.now() < end; nth += 1) {
      await new Promise((done) => setTimeout(done, EVERY * 1000));
      const rows = visits[1].page;
      if (nth % 3 === 1) {
        await rows.locator("#rows thead button").nth(nth % 4).click();
      }
      for (const visit of visits) {
        frames.push(await frame(visit));
        // A page that was loaded anew begins its list anew.
        const busy = await visit.page.evaluate(() => globalThis.busy.splice(0));
        visit.busy.push(...busy);
      }
      const all = await Promise.all(visits.map(heap));
      samples.push({ at: (nth + 1) * EVERY, heap: all.map(([bytes]) => bytes), nodes: all.map(([, nodes]) => nodes), memory: memory() });
    }
  });
  await world.step("they show what came", async () => {
    const [overview, rows] = visits;
    world.match(await rows.page.locator("#came").innerText(), /came since this page was opened/, "rows");
    world.ok((await rows.page.locator("#rows tbody tr").count()) <= 300, "rows of the page");
    world.match(await overview.page.locator(".figures").first().innerText(), /\d/, "figures");
  });
  const busy = visits.flatMap((visit) => visit.busy);
  frames.sort((one, other) => one - other);
  const told = {
    long: busy.filter((time) => time > 200).length,
    longest: Math.max(0, ...busy),
    tasks: busy.length,
    frame_median: frames[Math.floor(frames.length / 2)],
    frame_longest: frames.at(-1),
    samples,
  };
  console.log(`told: ${JSON.stringify(told)}`);
}

// What all processes of the browser take, in bytes, each shared page counted once.
function memory() {
  const children = (pid) => {
    try {
      return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
    } catch {
      return [];
    }
  };
  const all = (pid) => [pid, ...children(pid).flatMap(all)];
  let bytes = 0;
  for (const pid of all(process.pid).slice(1)) {
    try {
      const found = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8").match(/^Pss: +(\d+) kB/m);
      bytes += Number(found?.[1] ?? 0) * 1024;
    } catch {
      // It ended meanwhile.
    }
  }
  return bytes;
}
