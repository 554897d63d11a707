// A browser, driven through chromedriver's plain HTTP interface (W3C WebDriver): Debian's packages chromium and chromium-driver.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ELEMENT = "element-6066-11e4-a52e-4f735466cecf";
// Without these a headless browser looks for its maker's services at every start.
const ARGUMENTS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

export async function open() {
  const profile = mkdtempSync(join(tmpdir(), "browser-"));
  const driver = spawn("chromedriver", ["--port=0"], { stdio: ["ignore", "pipe", "inherit"] });
  const port = await new Promise((resolve, reject) => {
    let said = "";
    driver.stdout.on("data", (text) => {
      said += text;
      const started = said.match(/started successfully on port (\d+)/);
      if (started) resolve(started[1]);
    });
    driver.on("error", reject);
    driver.on("exit", (code) => reject(new Error(`chromedriver ended with ${code}: ${said}`)));
  });
  const request = async (method, path, body) => {
    const response = await fetch(`http://127.0.0.1:${port}/session${path}`, { method, body: body && JSON.stringify(body) });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${path}: ${value.message}`);
    return value;
  };
  const alwaysMatch = {
    browserName: "chrome",
    "goog:loggingPrefs": { browser: "ALL" },
    "goog:chromeOptions": { args: [...ARGUMENTS, `--user-data-dir=${profile}`] },
  };
  const { sessionId } = await request("POST", "", { capabilities: { alwaysMatch } });
  const post = (path, body) => request("POST", `/${sessionId}/${path}`, body);

  return {
    go: (url) => post("url", { url }),
    // The function's text runs in the page.
    run: (f, ...args) => post("execute/sync", { script: `return (${f})(...arguments)`, args }),
    devtools: (cmd, params) => post("goog/cdp/execute", { cmd, params }),
    log: () => post("se/log", { type: "browser" }),
    screenshot: async () => Buffer.from(await request("GET", `/${sessionId}/screenshot`), "base64"),
    click: async (css) => {
      const found = await post("element", { using: "css selector", value: css });
      return post(`element/${found[ELEMENT]}/click`, {});
    },
    press: (...keys) => {
      const actions = keys.flatMap((value) => [{ type: "keyDown", value }, { type: "keyUp", value }]);
      return post("actions", { actions: [{ type: "key", id: "keyboard", actions }] });
    },
    close: async () => {
      await request("DELETE", `/${sessionId}`);
      driver.removeAllListeners("exit");
      driver.kill();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
