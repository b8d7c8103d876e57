// Plays the scenario named on the command line, and prints how many steps and assertions it made. Whatever goes wrong, and
// whatever a page logs that nobody said it would, ends it with that message.

import { World } from "./world.mjs";

const name = process.argv[2];
const scenario = await import(`./scenarios/${name}.mjs`);
const world = await World.begin();
// Whatever hangs is told, too.
const crowd = Number(process.env.ROWHOOK_CROWD_SECONDS ?? 0) * 1000;
setTimeout(() => {
  console.error(`the step "${world.now}" did not end`);
  process.exit(1);
}, 120000 + 2 * crowd).unref();
try {
  await scenario.default(world);
  console.log(`${name}: ${world.steps} steps, ${world.assertions} assertions`);
} catch (error) {
  const troubles = world.visits.flatMap((visit) => visit.troubles);
  console.error([`in the step "${world.now}": ${error.stack}`, ...troubles].join("\n"));
  process.exitCode = 1;
} finally {
  await world.end();
}
