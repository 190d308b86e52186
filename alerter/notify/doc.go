// Package notify sends messages to webhooks. A [Notifier] implements one kind of webhook: which
// messages it accepts, how they are signed, what its answers mean. Each kind has a folder. The
// [Sender] posts for all of them and classifies the answers.
//
// # Where messages may go
//
// A Sender connects only to https URLs at public addresses of other machines, unless it is created
// with allowPrivate. It checks the address right before it connects, follows no redirect and uses
// no proxy, so the checked address is the one that it connects to (address.go).
//
// # Secrets
//
// The URL of a webhook is a password, and so is the secret that signs its messages. A Reply
// describes a failure with a fixed vocabulary. It never contains errors of net/http, which quote
// the URL. [Target.Clean] replaces secrets in an answer before it is stored or shown.
package notify
