// What one can take away: CSV files of what is shown, and the request behind it as a curl.

import { path } from "./api.js";
import { byId, setAttribute, setHidden, setText } from "./dom.js";
import { days } from "./range.js";

const mostDays = 31; // of raw events in one file

export function showTake(name, query, { from, to }) {
  setAttribute(byId("series-csv"), "href", path.seriesCSV(name, query));
  setAttribute(byId("events-csv"), "href", days({ from, to }) <= mostDays ? path.eventsCSV(name, { from, to }) : null);
  setHidden(byId("events-long"), days({ from, to }) <= mostDays);
  setText(byId("curl"), `curl '${location.origin}${path.series(name, query)}'`);
}

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
