// What a scenario has: a browser with a fresh profile, the server, steps and assertions that are counted.

import { createRequire } from "node:module";
import { deepStrictEqual } from "node:assert";
import { Visit } from "./visit.mjs";

const tools = createRequire(`${process.env.ROWHOOK_BROWSER_TOOLS}/package.json`);
const { chromium } = tools("playwright-core");

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export class World {
  url = process.env.ROWHOOK_BROWSER_URL;
  token = process.env.ROWHOOK_BROWSER_TOKEN;
  secret = process.env.ROWHOOK_BROWSER_SECRET;
  place = process.env.ROWHOOK_BROWSER_PLACE;
  pictures = process.env.ROWHOOK_SCREENSHOTS;
  axe = tools.resolve("axe-core/axe.min.js");
  steps = 0;
  assertions = 0;
  now = "the start";
  visits = [];

  static async begin() {
    const world = new World();
    world.browser = await chromium.launch({ executablePath: process.env.ROWHOOK_BROWSER_CHROMIUM, args: FLAGS });
    return world;
  }

  async end() {
    await this.browser.close();
  }

  // Somebody opens the browser: with a screen, in the light or not, with scripts or without.
  async visit(options = {}) {
    const visit = await Visit.begin(this, options);
    this.visits.push(visit);
    return visit;
  }

  // Does something, after which no page may have logged anything.
  async step(text, action) {
    this.now = text;
    this.steps += 1;
    const outcome = await action();
    for (const visit of this.visits) {
      this.equal(visit.troubles, [], "what the page logged");
    }
    return outcome;
  }

  ok(holds, what) {
    this.assertions += 1;
    if (!holds) {
      throw new Error(what);
    }
  }

  equal(is, wanted, what) {
    this.assertions += 1;
    deepStrictEqual(is, wanted, `${what}: ${JSON.stringify(is)} instead of ${JSON.stringify(wanted)}`);
  }

  match(text, pattern, what) {
    this.ok(pattern.test(text), `${what}: ${JSON.stringify(text)} does not match ${pattern}`);
  }

  // Waits until `look` gives what is true for `holds`, and counts that.
  async until(look, holds, what, seconds = 15) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
      const seen = await look();
      if (holds(seen)) {
        this.assertions += 1;
        return seen;
      }
      if (Date.now() > end) {
        throw new Error(`${what}: ${JSON.stringify(seen)} after ${seconds} s`);
      }
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  // A delivery, as a sender makes it.
  async deliver(body, source = "lessonly") {
    const headers = { "content-type": "application/json", authorization: this.secret };
    const text = typeof body === "string" ? body : JSON.stringify(body);
    return await fetch(`${this.url}/hooks/${source}`, { method: "POST", headers, body: text });
  }

  // What whoever has the token gets.
  async get(path) {
    return await fetch(`${this.url}/${path}`, { headers: { authorization: `Bearer ${this.token}` } });
  }
}
