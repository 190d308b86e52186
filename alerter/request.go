package alerter

import (
	"errors"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// target is where a message goes. All but the kind is secret.
type target struct {
	kind             string
	url              string
	secret, previous string // of kindWebhook
}

var errEncode = errors.New("message cannot be encoded")

// newRequest writes the message that a target of its kind gets. Its errors are fixed words.
func newRequest(t target, id string, e event, publicURL string) (r request, err error) {
	encode, key := webhookBody,
		func() ([]*webhooks.Webhook, error) { return keys(t.secret, t.previous) }
	if t.kind == kindSlack {
		encode, key = slackBody, func() ([]*webhooks.Webhook, error) { return slackKey(t.url) }
	}
	r = request{url: t.url, id: id, chat: t.kind == kindSlack}
	if r.body, err = encode(e, publicURL); err != nil {
		return r, errEncode
	}
	r.keys, err = key()
	return r, err
}
