// Package account says who sends a request, and what the sender may do and know of.
//
//	Guard    guard.go     admits a caller who has what a route needs, by package auth
//	         tenant.go    the tenants that a caller may know of, by any of their names
//	         holder.go    who shares memory and other places with a caller
//	         origin.go    the pages from which browsers may call
//	         cors.go      lends the API to pages of other origins, if the settings name any
//	         local.go     refuses other machines where no caller is asked for a credential
//	         session.go   /session: browsers sign in and out
//	Admin    keys.go      /keys: lists, makes (key_request.go) and revokes (key_revoke.go) API keys
//
// Callers are identified from memory. A store is read only to change or list keys.
package account
