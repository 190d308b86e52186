// Package notify sends messages to webhooks. A [Notifier] knows one kind of webhook: the messages
// it takes, how they are signed, what its answers mean. There is one folder for each kind. The
// [Sender] posts for all of them and classifies the answers.
//
// # Where messages may go
//
// A Sender connects only to https URLs at public addresses of other machines, unless it is made
// with allowPrivate. It checks the address right before it connects, follows no redirect and uses
// no proxy: what was checked is what is connected to (address.go).
//
// # Secrets
//
// The URL of a webhook is a password, and so is the secret that signs its messages. A Reply
// describes a failure by a fixed vocabulary, never by the errors of net/http, which quote the URL.
// [Target.Clean] replaces secrets in an answer before it is stored or shown.
package notify
