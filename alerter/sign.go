package alerter

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// errSecret does not quote the secret, as the library's own error would.
var errSecret = errors.New("webhook secret is malformed")

// keys are those of secrets in the form whsec_<base64>. During a rotation there are two, and
// a receiver that knows either accepts the message.
func keys(secrets ...string) ([]*webhooks.Webhook, error) {
	var all []*webhooks.Webhook
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		key, err := webhooks.NewWebhook(secret)
		if err != nil {
			return nil, errSecret
		}
		all = append(all, key)
	}
	return all, nil
}

// slackKey is the key of messages to a Slack URL: its SHA-256. Slack itself checks nothing,
// but whoever receives in its place can, since the URL is the secret that both share.
func slackKey(url string) ([]*webhooks.Webhook, error) {
	digest := sha256.Sum256([]byte(url))
	key, err := webhooks.NewWebhookRaw(digest[:])
	if err != nil {
		return nil, errSecret
	}
	return []*webhooks.Webhook{key}, nil
}

// sign sets the headers of Standard Webhooks. The timestamp is that of the attempt: a
// receiver refuses one that is old, and the id tells it whether it knows the message.
func sign(header http.Header, r request, now time.Time) error {
	signatures := make([]string, len(r.keys))
	for i, key := range r.keys {
		signature, err := key.Sign(r.id, now, r.body)
		if err != nil {
			return fmt.Errorf("sign message: %w", err)
		}
		signatures[i] = signature
	}
	header.Set(webhooks.HeaderWebhookID, r.id)
	header.Set(webhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	header.Set(webhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return nil
}
