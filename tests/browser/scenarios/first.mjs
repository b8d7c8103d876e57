// The first view of somebody whose browser has nothing yet: how many requests, how many bytes on the wire; and that the second
// needs the page alone.

const BYTES_MAX = 150 * 1024;
const REQUESTS_MAX = 8;

// Counts what goes over the wire while `action` is done.
async function weigh(visit, action) {
  const session = await visit.context.newCDPSession(visit.page);
  let [requests, bytes] = [0, 0];
  const cached = new Set();
  session.on("Network.requestWillBeSent", ({ redirectResponse }) => {
    requests += 1;
    bytes += redirectResponse?.encodedDataLength ?? 0;
  });
  session.on("Network.requestServedFromCache", ({ requestId }) => cached.add(requestId));
  session.on("Network.loadingFinished", ({ encodedDataLength }) => (bytes += encodedDataLength));
  await session.send("Network.enable");
  await action();
  await visit.page.waitForLoadState("networkidle");
  await session.detach();
  return { requests: requests - cached.size, bytes };
}

export default async function (world) {
  await world.deliver({ user: { name: "Ada" }, score_percent: 90 });
  const visit = await world.visit();

  await world.step("the first view", async () => {
    const { requests, bytes } = await weigh(visit, () => visit.logIn());
    world.ok((await visit.bars("lessonly-days")) > 15, "the charts are not there");
    console.log(`first view: ${requests} requests, ${bytes} bytes`);
    world.ok(requests <= REQUESTS_MAX, `${requests} requests`);
    world.ok(bytes > 10000 && bytes <= BYTES_MAX, `${bytes} bytes`);
  });

  await world.step("the second view", async () => {
    const { requests, bytes } = await weigh(visit, () => visit.go(""));
    console.log(`second view: ${requests} requests, ${bytes} bytes`);
    world.ok(bytes <= 32 * 1024, `${bytes} bytes`);
  });
}
