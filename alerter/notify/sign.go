package notify

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// sign sets the headers of Standard Webhooks. The timestamp is the time of the attempt: a receiver
// refuses an old one, and recognizes a repeated message by its id.
func sign(header http.Header, m Message, now time.Time) error {
	signatures := make([]string, len(m.keys))
	for i, key := range m.keys {
		signature, err := key.Sign(m.id, now, m.body)
		if err != nil {
			return fmt.Errorf("sign message: %w", err)
		}
		signatures[i] = signature
	}
	header.Set(webhooks.HeaderWebhookID, m.id)
	header.Set(webhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	header.Set(webhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return nil
}
