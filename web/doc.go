// Package web is the dashboard: static files, embedded in the binary, without a build step.
//
// The page is plain ES modules, one concern a file, under static/js; main.js ties them
// together. What is shown follows from the address (router.js) and from one feed (feed.js):
// a WebSocket, GET /live, or polling every two seconds while there is none. A feed finds its
// way back by itself, and what is on the screen stays there meanwhile, under a banner. The
// server sorts and searches; the page asks for as many rows as the reader has scrolled to and
// keeps only those in sight in the document (window.js). Charts are drawn by uPlot, which lies
// under static/vendor with its licence; SHA256SUMS are those of the published package,
// npm uplot 1.6.32. axe-core 4.14.1 under testdata is for tests only.
//
// Every answer carries a Content-Security-Policy that allows this origin and nothing else: no
// inline script or style, no other host, no string that becomes HTML. Names of tenants and
// features reach the page as text only.
//
// The page names all of its files, so that they come in one round of requests: 34 with the
// page itself, 56.8 kB gzipped (go test ./web -run TestInBrowser/one_round -v). They are sent
// without their comments, the style sheets as one, compressed once, at the start, and kept by
// browsers for ever: their path changes with their content.
//
// With 10,000 tenants, first paint and scrolling are measured by
// go test ./web -bench Crowd, and memory over ten minutes of live updates by
// go test ./web -run TestInBrowser/memory -v -timeout 15m -args -live-for 10m.
package web
