// Package web is the dashboard: static files, embedded in the binary, without a build
// step. The page polls GET /tenants and keeps no state of its own; a crash of the server
// costs it nothing but a banner until the server is back.
//
// Every answer carries a Content-Security-Policy that allows this origin and nothing
// else: no inline script or style, no other host. Names of tenants reach the page as
// text only.
package web
