// What one can take away: CSV files of what is shown, and the request behind it as a curl.

import { path } from "./api.js";
import { byId, el, setAttribute, setHidden, setText } from "./dom.js";
import { days } from "./range.js";
import { session } from "./session.js";

const mostDays = 31; // of raw events in one file

export function showTake(name, query, { from, to }) {
  setAttribute(byId("series-csv"), "href", path.seriesCSV(name, query));
  setAttribute(byId("events-csv"), "href", days({ from, to }) <= mostDays ? path.eventsCSV(name, { from, to }) : null);
  setHidden(byId("events-long"), days({ from, to }) <= mostDays);
  const key = session.kind === "off" ? "" : ' -H "Authorization: Bearer $API_KEY"';
  setText(byId("curl"), `curl '${location.origin}${path.series(name, query)}'${key}`);
}

// A link sends no headers: with a token the file is fetched here, and saved from memory.
document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("a[download][href]");
  if (!link || !session.token || link.protocol === "blob:") return;
  event.preventDefault();
  try {
    const response = await fetch(link.href, { headers: session.headers() });
    if (response.status === 401) session.onRefused();
    if (!response.ok) throw new Error();
    const name = response.headers.get("Content-Disposition")?.match(/filename="?([^";]+)/)?.[1] ?? "flagmeter.csv";
    const file = URL.createObjectURL(await response.blob());
    el("a", { href: file, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(file), 60_000);
  } catch {
    confirm(link, "Failed: try again");
  }
});

// The clipboard exists in secure contexts only, which a server on a private network often is
// not: then the text is selected, and one key copies it.
export function copyOnClick(button, source) {
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(source.textContent);
      confirm(button, "Copied");
    } catch {
      getSelection().selectAllChildren(source);
      confirm(button, "Selected: press Ctrl+C");
    }
  });
}

function confirm(button, text) {
  const usual = (button.dataset.usual ??= button.textContent);
  setText(button, text);
  setTimeout(() => setText(button, usual), 3000);
}
