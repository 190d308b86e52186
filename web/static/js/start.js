// The lines that make an empty page go away.
export function gettingStarted(origin) {
  return [
    "flagmeter tenants add acme-corp --quota 1000000",
    "",
    `curl ${origin}/events \\`,
    "  -H 'Content-Type: application/json' \\",
    `  -d '{"tenant":"acme-corp","feature":"gpt-4-turbo","tokens":1500}'`,
  ].join("\n");
}
