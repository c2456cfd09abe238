// Signs in at the page, uploads a file to a storage, reloads the page half-way if it is told so, and chooses it again.
// Prints the name of the browser, its complaints, the requests to storages after the reload, and the bytes' SHA-256.
import { createHash } from "node:crypto";
import { basename } from "node:path";
import puppeteer from "puppeteer-core";

const [executablePath, site, storage, path, reloads] = process.argv.slice(2);
const browser = await puppeteer.launch({ browser: "firefox", executablePath, headless: true });
const page = await browser.newPage();
const complaints = [];
let sent = 0;
page.on("console", (message) => ["error", "warn"].includes(message.type()) && complaints.push(message.text()));
page.on("pageerror", (error) => complaints.push(String(error)));
page.on("dialog", (dialog) => void dialog.accept());
page.on("request", (request) => (sent += Number(["PUT", "POST"].includes(request.method()) && !request.url().endsWith("/graphql"))));

/** Waits for what the script finds in the row of the file. */
function inRow(find) {
  const script = `(() => { const row = [...document.querySelectorAll(".file")].find((row) => row.textContent.includes("${basename(path)}")); return row && (${find}); })()`;
  return page.waitForFunction(script, { timeout: 60_000, polling: 20 }).then((found) => found.jsonValue());
}

async function choose() {
  await page.waitForSelector("#files-section:not([hidden])");
  await page.evaluate((name) => [...document.querySelectorAll(".storage")].find((card) => card.textContent.includes(name)).click(), storage);
  await (await page.$("#files")).uploadFile(path);
}

try {
  await page.goto(`${site}/accounts/login/?next=/`);
  await page.type("[name=username]", "demo");
  await page.type("[name=password]", "demo");
  await page.keyboard.press("Enter");
  await choose();
  if (reloads) {
    await inRow("row.querySelector('progress')?.value >= 15");
    await page.reload();
    await inRow("row.textContent.includes('Not finished')");
    sent = 0;
    await choose();
  }
  const link = await inRow("row.querySelector('a.button')?.href");
  const cookie = (await page.cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
  const { headers, body } = await fetch(link, { headers: { cookie }, redirect: "manual" });
  const url = headers.get("location");
  const bytes = await new Response(url ? (await fetch(new URL(url, site))).body : body).arrayBuffer();
  const sha256 = createHash("sha256").update(new Uint8Array(bytes)).digest("hex");
  console.log(JSON.stringify({ name: await browser.version(), complaints, sent, sha256 }));
} finally {
  await browser.close();
}
