package alerter

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/eduardosanzb/flagmeter/internal/meter"
)

// slackEscaper replaces the three characters that are markup in Slack's mrkdwn.
// See https://docs.slack.dev/messaging/formatting-message-text/.
var slackEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// slackPayload is the body of the POST to a Slack incoming webhook. dashboardURL may
// be empty.
func slackPayload(d delivery, dashboardURL string) ([]byte, error) {
	body, err := json.Marshal(struct {
		Text string `json:"text"`
	}{slackText(d, dashboardURL)})
	if err != nil {
		return nil, fmt.Errorf("encode Slack message: %w", err)
	}
	return body, nil
}

// slackText says what happened with the figures of the moment at which the alert fired, so
// that a repeated message is the same to the letter.
func slackText(d delivery, dashboardURL string) string {
	icon := ":warning:"
	if d.Used >= d.Quota {
		icon = ":rotating_light:"
	}
	percent := strconv.FormatFloat(meter.Percent(d.Used, d.Quota), 'f', -1, 64)

	var b strings.Builder
	fmt.Fprintf(&b, "%s %s has used %s%% of its quota: %s / %s tokens.\n",
		icon, slackEscaper.Replace(d.Tenant), percent, humanize.Comma(d.Used), humanize.Comma(d.Quota))
	fmt.Fprintf(&b, "Threshold %d%% · billing period %s to %s · alert %s",
		d.Threshold, d.PeriodStart, d.PeriodEnd-1, d.AlertID)
	if dashboardURL != "" {
		fmt.Fprintf(&b, "\n<%s|Open the dashboard>", slackEscaper.Replace(dashboardURL))
	}
	return b.String()
}
